"""Debian's Prometheus and Alertmanager, for one test each, and a receiver of alerts."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.contract.serving import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PATIENCE = 120.0


def until(fact: Callable[[], Any], *, what: str) -> Any:  # noqa: ANN401 — whatever the fact is
    """Wait for a fact, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := fact()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs."""

    url: str
    log: Path

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The samples that a query gives now."""
        asked = urllib.parse.urlencode({"query": query})
        content = _get(f"{self.url}/api/v1/query?{asked}")
        assert content["status"] == "success", content
        found: list[dict[str, Any]] = content["data"]["result"]
        return found

    def target(self) -> dict[str, Any]:
        """The one target it scrapes."""
        found: list[dict[str, Any]] = _get(f"{self.url}/api/v1/targets")["data"]["activeTargets"]
        return found[0]


@dataclass
class Receiver:
    """Somebody who is told of alerts."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def prometheus(home: Path, *, target: str, alertmanager: str) -> Iterator[Prometheus]:
    """With the files of ``deploy/prometheus``, but faster: it looks every half second.

    ``target`` and ``alertmanager`` are addresses without a scheme.
    """
    home.mkdir()
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
    rules = yaml.safe_load((DEPLOY / "prometheus/tripartite-alerts.yml").read_text())
    for group in rules["groups"]:
        group["interval"] = "500ms"
        for rule in group["rules"]:
            rule.pop("for", None)  # how long each waits is what promtool's tests are about
    (home / "tripartite-alerts.yml").write_text(yaml.safe_dump(rules))
    port = free_port()
    with _running(
        home,
        f"http://127.0.0.1:{port}/-/ready",
        "prometheus",
        f"--config.file={home}/prometheus.yml",
        f"--storage.tsdb.path={home}/data",
        "--storage.tsdb.retention.time=15d",
        f"--web.listen-address=127.0.0.1:{port}",
    ) as log:
        yield Prometheus(f"http://127.0.0.1:{port}", log)


@contextmanager
def alertmanager(home: Path, *, receiver: str) -> Iterator[str]:
    """With the file of ``deploy/alertmanager`` and one receiver more. Its address, no scheme."""
    home.mkdir()
    config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
    config["route"] |= {"group_wait": "100ms", "group_interval": "500ms"}
    config["receivers"][0]["webhook_configs"] = [{"url": receiver}]
    (home / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with _running(
        home,
        f"http://{address}/-/ready",
        "prometheus-alertmanager",
        f"--config.file={home}/alertmanager.yml",
        f"--storage.path={home}/data",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ):
        yield address


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A web server that keeps what it is sent."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.received.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _running(home: Path, ready: str, program: str, *options: str) -> Iterator[Path]:
    path = shutil.which(program)
    assert path is not None, f"{program} isn't installed: run scripts/setup"
    log = home / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([path, *options], cwd=home, stdout=file, stderr=file)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(ready, timeout=5):  # noqa: S310 — our own daemon's address
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    try:
        until(answers, what=f"{program} answers")
        yield log
    finally:
        process.terminate()
        process.wait(timeout=30)


def _get(url: str) -> Any:  # noqa: ANN401 — JSON
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 — our own daemon's address
        return json.load(response)
