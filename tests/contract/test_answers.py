"""Answers that skip the framework's own check have exactly the form that the API promises."""

from __future__ import annotations

import json

from ninja import Schema
from ninja.responses import NinjaJSONEncoder

from tests.contract.kit import TXID, Market
from tripartite.coordinator.escrows.api import Summaries, Summary
from tripartite.coordinator.relay.api import Messages
from tripartite.domain.parties import Role


def as_promised(schema: type[Schema], answer: object) -> object:
    """Read against the schema, which refuses unknown fields, and written by the framework."""
    return json.loads(json.dumps(schema.model_validate(answer).model_dump(), cls=NinjaJSONEncoder))


def test_escrows_in_all_sorts_of_states_are_shown_as_promised(market: Market) -> None:
    disputed, paid = market.disputed_deal(), market.broadcast_deal(TXID)
    proposed, agreed = market.proposed_deal(), market.attested_deal()
    buyer = market.people[Role.BUYER].api

    page = buyer.get("/api/escrow?limit=3").body
    rest = buyer.get(f"/api/escrow?after={page['next']}").body

    assert page == as_promised(Summaries, page)
    assert rest == as_promised(Summaries, rest)
    listed = {one["escrow_id"]: one for one in (*page["escrows"], *rest["escrows"])}
    for deal in (disputed, paid, proposed, agreed):
        one = buyer.get(f"/api/escrow/{deal.escrow_id}").body
        assert one == as_promised(Summary, one)
        assert one == listed[deal.escrow_id]
    assert listed[disputed.escrow_id]["dispute"]["opened_by"] == Role.BUYER.value
    assert listed[disputed.escrow_id]["dispute"]["opened_at"] is not None
    assert listed[proposed.escrow_id]["dispute"] is None
    assert listed[paid.escrow_id]["payout"]["txid"] == TXID


def test_messages_are_shown_as_promised(market: Market) -> None:
    deal = market.attested_deal()
    buyer = market.people[Role.BUYER].api

    page = buyer.get(f"/api/escrow/{deal.escrow_id}/messages?limit=5").body
    rest = buyer.get(f"/api/escrow/{deal.escrow_id}/messages?after={page['next']}").body

    assert page == as_promised(Messages, page)
    assert rest == as_promised(Messages, rest)
    assert len(page["messages"]) == 5
    assert rest["next"] is None
