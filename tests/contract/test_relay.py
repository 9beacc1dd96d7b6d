"""Stories about the mailbox: what is let in, what is refused, and what both leave behind."""

from __future__ import annotations

import threading

import pytest

from tests.contract.kit import Api, Deal, Market, open_account, report
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.relay.models import Message
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, Kind


def events_of(api: Api) -> list[tuple[str, dict[str, object]]]:
    return [(one["type"], one["data"]) for one in api.get("/api/events").body["events"]]


def test_a_deal_goes_from_proposal_to_broadcast(market: Market) -> None:
    deal = market.broadcast_deal()

    shown = market.people[Role.ARBITER].api.get(f"/api/escrow/{deal.escrow_id}").body
    assert shown["state"] == "releasing"
    assert shown["payout"]["txid"] == "ab" * 32
    assert shown["role"] == "arbiter"
