"""What an escrow's page offers to each reader, and that the commands it shows exist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.unit.protocol.trade import ESCROW_ID, Trade
from tripartite.cli.agent import app
from tripartite.coordinator.pages.moves import Move, accepting, attached_moves, moves
from tripartite.coordinator.wallets.moving import destination
from tripartite.coordinator.wallets.words import on_the_table
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.record import Offer, Record, Successor

BUYER, VENDOR, ARBITER = Role


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    """One escrow: proposed, funded, with a split on offer, in dispute."""
    trade, found = Trade(), {}
    trade.propose()
    found["proposed"] = trade.now
    for role in (VENDOR, ARBITER):
        trade.accept(role)
    for role in Role:
        trade.say(role, Kind.SIGN_TERMS)
    trade.key()
    trade.fund()
    found["funded"] = trade.now
    trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})
    found["offered"] = trade.now
    trade.dispute(BUYER)
    found["disputed"] = trade.now
    return found


def loud(shown: tuple[Move, ...]) -> list[str]:
    return [one.path.rpartition("/")[2] for one in shown if one.is_asked]


def test_what_the_escrow_wants_of_the_reader_stands_out(records: dict[str, Record]) -> None:
    assert loud(moves(records["funded"], BUYER)) == ["release"]
    assert loud(moves(records["funded"], VENDOR)) == []
    assert loud(moves(records["offered"], VENDOR)) == ["agree"]
    assert loud(moves(records["disputed"], BUYER)) == []
    assert loud(moves(records["disputed"], ARBITER)) == ["rule"]


def test_whoever_must_accept_is_led_to_the_terms_and_may_only_call_it_off(
    records: dict[str, Record],
) -> None:
    assert accepting(records["proposed"], BUYER) is None
    vendor = accepting(records["proposed"], VENDOR)
    assert vendor is not None
    assert vendor.path == f"/escrow/{ESCROW_ID}"
    assert vendor.command == f"tripartite agent accept {ESCROW_ID[:12]} --payout-address …"
    assert [one.path for one in moves(records["proposed"], VENDOR)] == [
        f"/escrow/{ESCROW_ID}/cancel"
    ]
    assert not any(accepting(records["funded"], role) for role in Role)


def test_whose_agent_the_operator_runs_decides_on_these_pages(records: dict[str, Record]) -> None:
    """Nothing leads to an agent's page, and what only agents at home are told is offered, too."""

    def offered(name: str, role: Role) -> list[str]:
        return [one.path.rpartition("/")[2] for one in attached_moves(records[name], role)]

    assert offered("proposed", VENDOR) == ["accept", "cancel"]
    assert loud(attached_moves(records["proposed"], VENDOR)) == ["accept"]
    assert offered("funded", BUYER) == ["release", "settle", "dispute"]
    assert "agree" in offered("offered", VENDOR)
    assert "agree" not in offered("offered", BUYER)
    assert offered("disputed", ARBITER) == ["rule", "state", "evidence"]
    shown = [
        one for record in records.values() for role in Role for one in attached_moves(record, role)
    ]
    assert {one.path.partition("/decide/")[0] for one in shown} == {f"/escrows/{ESCROW_ID}"}
    assert {one.command for one in shown} == {""}


def test_a_move_to_another_address_than_the_successors_is_no_click(
    records: dict[str, Record],
) -> None:
    """An attached party signs for the escrow on record, or not at all."""
    offer = Offer("d" * 64, None, Successor("e" * 32, "c" * 64, "4"))
    record = replace(records["funded"], offers={BUYER: offer})
    assert "move" in [one.path.rpartition("/")[2] for one in moves(record, VENDOR)]

    for successor in (None, records["funded"]):
        assert destination(record, VENDOR, successor) is None
        shown = attached_moves(record, VENDOR, successor=successor)
        assert not {"move", "agree"} & {one.path.rpartition("/")[2] for one in shown}
    assert on_the_table(record, VENDOR) == {}


def test_every_command_shown_is_one_that_can_be_typed(records: dict[str, Record]) -> None:
    agent = get_command(app)
    assert isinstance(agent, TyperGroup)
    shown = {
        one.command
        for record in records.values()
        for role in Role
        for one in (*moves(record, role), accepting(record, role))
        if one is not None
    }

    for command in shown:
        _, _, verb, _, *options = command.replace("…", "").split()
        known = {name for one in agent.commands[verb].params for name in one.opts}
        assert set(options) <= known
    assert {command.split()[2] for command in shown} == {
        *("accept", "cancel", "release", "refund", "settle", "agree", "dispute", "rule")
    }
