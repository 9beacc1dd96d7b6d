"""What the coordinator shows of an escrow's end: offers, disputes, money missing or too much."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kit import AMOUNT, Market, report
from tripartite.coordinator.relay import posting
from tripartite.domain.parties import Role
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind


def summary(market: Market, escrow_id: str, role: Role = Role.BUYER) -> dict[str, Any]:
    found: dict[str, Any] = market.people[role].api.get(f"/api/escrow/{escrow_id}").body
    return found


def events(market: Market, kind: str) -> list[dict[str, Any]]:
    found = market.people[Role.ARBITER].api.get("/api/events").body["events"]
    return [one for one in found if one["type"] == kind]


def test_both_are_told_how_much_is_missing_or_too_much(market: Market) -> None:
    deal = market.attested_deal()
    assert summary(market, deal.escrow_id)["deposit_missing"] == str(AMOUNT)

    market.say(deal, Role.BUYER, Kind.DEPOSIT_REPORT, body=report(AMOUNT // 4))
    shown = summary(market, deal.escrow_id)
    assert (shown["deposit_missing"], shown["deposit_surplus"]) == (str(AMOUNT - AMOUNT // 4), "0")

    for role in (Role.BUYER, Role.VENDOR):
        market.say(deal, role, Kind.DEPOSIT_REPORT, body=report(AMOUNT + 7))
    shown = summary(market, deal.escrow_id)
    assert (shown["deposit_missing"], shown["deposit_surplus"]) == ("0", "7")


def test_offers_are_shown_until_one_is_accepted(market: Market) -> None:
    deal = market.disputed_deal()
    share: dict[str, Json] = {"vendor_share": "5"}
    market.say(deal, Role.VENDOR, Kind.SETTLEMENT_OFFER, body=share)
    assert summary(market, deal.escrow_id)["offers"] == [
        {"by": "vendor", "vendor_share": "5", "moves_to": None}
    ]
    assert deal.record is not None
    offered = deal.record.offers[Role.VENDOR].digest

    market.say(deal, Role.BUYER, Kind.SETTLEMENT_ACCEPT, body={"offer": offered})

    shown = summary(market, deal.escrow_id)
    assert (shown["offers"], shown["state"]) == ([], "settling")


def test_a_dispute_is_told_with_who_and_when_but_not_why(market: Market) -> None:
    deal = market.disputed_deal()

    shown = summary(market, deal.escrow_id, Role.ARBITER)

    assert shown["dispute"]["opened_by"] == "buyer"
    assert shown["dispute"]["opened_at"] is not None
    assert shown["waiting_on"] == [{"role": "arbiter", "what": "rule"}]
    (told,) = events(market, "DisputeOpened")
    assert told["data"] == {"opened_by": "buyer"}
    assert events(market, "DisputeResolved") == []


def test_an_escrow_without_a_dispute_shows_none(market: Market) -> None:
    deal = market.broadcast_deal()

    assert summary(market, deal.escrow_id)["dispute"] is None


def test_a_party_can_not_fill_the_mailbox_with_evidence(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_ARGUMENTS", 2)
    deal = market.disputed_deal()
    statement = deal.sealed(Role.BUYER, Kind.STATEMENT, round_=0, attempt=0)
    market.say(deal, Role.BUYER, Kind.STATEMENT, **statement)

    refused = market.post(deal, Role.BUYER, deal.write(Role.BUYER, Kind.STATEMENT, **statement))
    market.say(
        deal,
        Role.VENDOR,
        Kind.STATEMENT,
        **deal.sealed(Role.VENDOR, Kind.STATEMENT, round_=0, attempt=0),
    )

    assert (refused.status, refused.body["code"]) == (422, "argument_too_long")
