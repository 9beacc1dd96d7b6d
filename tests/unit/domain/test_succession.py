"""The terms of an escrow that takes over the money of another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID, OTHER_ADDRESS, terms
from tripartite.domain import succession
from tripartite.domain.addresses import parse_address
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.succession import (
    NothingToMove,
    SuccessorDiffers,
    check_same_details,
    check_terms,
    fitting,
    successor_terms,
)
from tripartite.domain.terms import Deadlines, Details, Predecessor, Terms, TermsUnsound

CONTRACT = "ab" * 32
NEW_ID = "7f" * 16
UNIT = succession.RESERVE[Network.REGTEST] // 50
"""What the table counts in: the reserve is 50 of it."""


def rows() -> list[tuple[int, ...]]:
    lines = [line for line in (succession.__doc__ or "").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return [tuple(int(cell) for cell in row if cell != "->") for row in cells]


@pytest.mark.parametrize("row", rows())
def test_the_table_in_the_module_is_true(row: tuple[int, ...]) -> None:
    agreed, allowance, balance, amount, left = (UNIT * cell for cell in row)
    bearer = NetworkFeeBearer.PAYER if allowance else NetworkFeeBearer.PAYEE
    old = terms(amount=agreed, fee_allowance=allowance, fees=FeeRule(bearer, 0, 0))

    assert fitting(old, balance) == (amount, left)
    assert amount + left <= balance - 50 * UNIT, "the reserve stays for the fee"


def test_there_are_rows() -> None:
    assert len(rows()) == 6


def successor(**changes: object) -> Terms:
    made = successor_terms(
        terms(), CONTRACT, escrow_id=NEW_ID, proposer=Role.VENDOR, arbiter_bps=250, balance=ATOMIC
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names checked there


def test_an_honest_successor_is_sound() -> None:
    made = successor()

    check_terms(terms(), CONTRACT, made)
    assert made.succeeds == Predecessor(ESCROW_ID, CONTRACT)
    assert (made.amount, made.fees.arbiter_bps) == (950_000_000_000, 250)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": ATOMIC + 1},
        {"fees": FeeRule(NetworkFeeBearer.SHARED, 250, 0)},
        {"fees": FeeRule(NetworkFeeBearer.PAYER, 250, 0), "fee_allowance": 1},
        {"fees": FeeRule(NetworkFeeBearer.PAYEE, 250, 100), "platform_address": OTHER_ADDRESS},
        {"deadlines": Deadlines(accept=Deadlines().deposit * 2)},
        {"succeeds": None},
        {"succeeds": Predecessor(ESCROW_ID, "cd" * 32)},
        {"succeeds": Predecessor("77" * 16, CONTRACT)},
    ],
)
def test_nothing_else_differs(changes: dict[str, object]) -> None:
    with pytest.raises(SuccessorDiffers):
        check_terms(terms(), CONTRACT, successor(**changes))


def test_what_the_move_would_eat_up_is_not_moved() -> None:
    with pytest.raises(NothingToMove):
        fitting(terms(), succession.RESERVE[Network.REGTEST])


def test_terms_name_an_escrow_and_its_contract_and_not_themselves() -> None:
    for escrow_id, contract in (("x", CONTRACT), (ESCROW_ID, "y")):
        with pytest.raises(TermsUnsound):
            Predecessor(escrow_id, contract)
    with pytest.raises(TermsUnsound):
        terms(succeeds=Predecessor(ESCROW_ID, CONTRACT))


def test_traders_are_paid_where_they_were_and_what_is_traded_is_the_same() -> None:
    def part(role: Role, address: str, subject: str | None = None) -> Details:
        return Details(role, parse_address(address, Network.REGTEST), subject, "00" * 16)

    def parts(proposer: Role) -> dict[Role, Details]:
        return {
            role: part(role, ADDRESSES[role], "a bicycle" if role is proposer else None)
            for role in Role
        }

    old, new = parts(Role.BUYER), parts(Role.VENDOR)
    check_same_details(old, {**new, Role.ARBITER: part(Role.ARBITER, OTHER_ADDRESS)})
    check_same_details(old, {Role.VENDOR: new[Role.VENDOR]})
    for lie in (
        {Role.BUYER: part(Role.BUYER, OTHER_ADDRESS)},
        {Role.VENDOR: part(Role.VENDOR, OTHER_ADDRESS, "a bicycle")},
        {Role.VENDOR: part(Role.VENDOR, ADDRESSES[Role.VENDOR], "a bell")},
    ):
        with pytest.raises(SuccessorDiffers):
            check_same_details(old, {**new, **lie})
