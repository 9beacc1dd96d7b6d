"""Reading metrics as Prometheus does."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

PATIENCE = 30.0


@dataclass(frozen=True)
class Scrape:
    """One page of metrics."""

    text: str

    def value(self, name: str, **labels: str) -> float:
        """The one sample of that name with these labels."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def scrape(url: str) -> Scrape:
    """What a running coordinator answers."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=PATIENCE) as response:  # noqa: S310 — our own server's http address
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Scrape(response.read().decode())


def scrape_here(data_dir: Path) -> Scrape:
    """The same, in this process and on the database in use."""
    # Only once Django is set up; stories with real daemons scrape without it.
    from tripartite.coordinator.ops.metrics.exposition import Scraper  # noqa: PLC0415 — see above
    from tripartite.coordinator.ops.metrics.sharing import Counted  # noqa: PLC0415 — see above
    from tripartite.coordinator.ops.metrics.tally import TALLY  # noqa: PLC0415 — see above

    return Scrape(Scraper(data_dir).text(Counted(TALLY.totals())).decode())


def until_scraped(url: str, fact: Callable[[Scrape], bool]) -> Scrape:
    """Scrape until ``fact`` holds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            page = scrape(url)
        except (urllib.error.URLError, ConnectionError):
            page = Scrape("")
        if page.text and fact(page):
            return page
        assert time.monotonic() < deadline, page.text
        time.sleep(0.05)
