"""The canary: looks for what nobody may find in a metric or a log."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.functional.kit.market import Market
from tripartite.devnet.deals import Deal
from tripartite.devnet.searching import known
from tripartite.domain.money import format_xmr


def leaks(market: Market, deal: Deal, more: Mapping[str, str]) -> list[str]:
    """Where something of ``deal`` stands that must not, as "file: what"."""
    wanted = {**_values(market, deal), **more}
    return [
        f"{place}: {what}"
        for place, text in _places(market)
        for what, value in wanted.items()
        if value in text
    ]


def _values(market: Market, deal: Deal) -> dict[str, str]:
    """What must not be found, by what it is. All are known only at the end of the story."""
    values = {
        "the escrow's id": deal.escrow_id,
        "the amount in piconero": str(deal.amount),
        "the amount in XMR": format_xmr(deal.amount),
        "the deposit address": deal.address,
        "the payout's transaction": deal.txid,
        "what is traded": deal.subject,
    }
    for role, party in market.parties.items():
        values |= {
            f"the {role.value}'s name": party.name,
            f"the {role.value}'s address": party.address,
            f"the {role.value}'s fingerprint": party.fingerprint,
            f"the {role.value}'s signing key": party.identity().public.sign,
            f"the {role.value}'s sealing key": party.identity().public.seal,
            f"the {role.value}'s token": party.token.reveal(),
        }
    return values


def _places(market: Market) -> Iterator[tuple[str, str]]:
    """Logs of all processes of this community, what it scrapes, and the counts between processes."""
    with urllib.request.urlopen(  # noqa: S310 — our own coordinator's http address
        f"{market.coordinator.metrics_url}/metrics", timeout=30
    ) as response:
        yield "/metrics", response.read().decode()
    homes = [market.coordinator.directory, *(one.directory for one in market.parties.values())]
    for home in homes:
        for path in sorted(_texts(home)):
            yield str(path.relative_to(home.parent)), path.read_text(errors="replace")


def _texts(home: Path) -> Iterator[Path]:
    for pattern in ("*.log", "*.console", "metrics/*.json"):
        yield from home.rglob(pattern)


def is_kept(market: Market, deal: Deal) -> bool:
    """Whether the same search finds the same values where they do belong: it can find."""
    found = known(market.coordinator.directory, _values(market, deal))
    return {"the escrow's id", "the amount in piconero", "the payout's transaction"} <= found
