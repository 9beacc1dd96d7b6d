"""Which decisions the agent's page offers, and which of them stands out."""

from __future__ import annotations

import pytest

from tests.unit.protocol.trade import Trade
from tripartite.agent.page.choices import arguing, asked, buttons
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

BUYER, VENDOR, ARBITER = Role


@pytest.fixture
def trade() -> Trade:
    """A funded escrow."""
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    return trade


def drawn(trade: Trade, role: Role) -> dict[str, str]:
    return {one.verb: one.style for one in buttons(trade.now, role, ruled=False)}


def test_what_is_asked_is_loud_and_what_leaves_the_way_is_a_warning(trade: Trade) -> None:
    common = {"settle": "quiet", "dispute": "danger", "replace_arbiter": "quiet"}
    assert drawn(trade, BUYER) == {"release": "", **common}
    assert drawn(trade, VENDOR) == {"refund": "danger", **common}


def test_an_arbiter_is_not_asked_to_agree_to_the_traders_split(trade: Trade) -> None:
    trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})

    assert asked(trade.now, VENDOR, ruled=False) == ["agree"]
    assert asked(trade.now, ARBITER, ruled=False) == []
    assert drawn(trade, VENDOR)["agree"] == ""


def test_a_case_is_ruled_by_the_arbiter_and_argued_by_all(trade: Trade) -> None:
    trade.dispute(VENDOR)

    def offered(role: Role, *, ruled: bool = False) -> list[tuple[str, str]]:
        return [(one.verb, one.style) for one in arguing(trade.now, role, ruled=ruled)]

    saying = [("state", "quiet"), ("evidence", "quiet")]
    assert offered(ARBITER) == [("rule", ""), *saying]
    assert offered(VENDOR) == [("settle", "quiet"), *saying]
    assert offered(VENDOR, ruled=True) == [("carry_out", ""), ("settle", "quiet"), *saying]
    assert drawn(trade, BUYER)["release"] == "quiet", "who disputes may give in, and isn't asked to"


def test_what_an_agent_does_by_itself_is_asked_of_nobody() -> None:
    trade = Trade()
    trade.agree()

    assert [asked(trade.now, role, ruled=False) for role in Role] == [[], [], []]
