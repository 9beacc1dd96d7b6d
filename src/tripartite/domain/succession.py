"""An escrow that takes the place of another: the same trade with another arbiter.

Its money comes from the wallet of the one it succeeds, in a single transaction. That costs a network
fee, and whoever has an arbiter to replace hasn't another purse for it: it comes out of what is there.
So the successor's amount is what is sure to arrive, and no more than was agreed before. What arrives
beyond it is a surplus, as in every escrow: it goes back to the buyer.

All amounts are piconero. Examples with a reserve of 50; a test reads this table.

| agreed | allowance | in the wallet | -> | amount | allowance |
|--------|-----------|---------------|----|--------|-----------|
|   1000 |         0 |          1000 | -> |    950 |         0 |
|   1000 |         0 |          1030 | -> |    980 |         0 |
|   1000 |         0 |          1300 | -> |   1000 |         0 |
|   1000 |       100 |          1100 | -> |   1000 |        50 |
|   1000 |        30 |          1030 | -> |    980 |         0 |
|   1000 |         0 |           400 | -> |    350 |         0 |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.domain.money import ATOMIC, format_xmr
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule
from tripartite.domain.terms import Details, Predecessor, Terms

RESERVE: Final[Mapping[Network, int]] = {
    # Some eight times what a payout of one output costs at normal priority; a hundred cost 0.006 XMR.
    Network.MAINNET: ATOMIC // 1_000,
    # A young chain has a large block reward, and its fees are some hundred times higher.
    Network.STAGENET: ATOMIC // 20,
    Network.TESTNET: ATOMIC // 20,
    Network.REGTEST: ATOMIC // 20,
}
"""What is kept back for the fee of a move, unless somebody names the amount, in piconero."""


class SuccessorDiffers(Refused):
    """The new escrow isn't the old one with another arbiter."""

    code: ClassVar[str] = "successor_differs"


class NothingToMove(Refused):
    """There is no money that could be moved."""

    code: ClassVar[str] = "nothing_to_move"


def successor_terms(
    old: Terms,
    contract_id: str,
    *,
    escrow_id: str,
    proposer: Role,
    arbiter_bps: int,
    balance: int,
    amount: int | None = None,
) -> Terms:
    """The terms by which another arbiter takes over an escrow whose wallet holds ``balance``.

    Without ``amount`` it is what is sure to be there after the move. Raises ``NothingToMove``, and
    what ``check_terms`` and ``Terms`` raise for an ``amount``.
    """
    chosen, allowance = (amount, 0) if amount is not None else fitting(old, balance)
    new = replace(
        old,
        escrow_id=escrow_id,
        amount=chosen,
        proposer=proposer,
        fees=FeeRule(old.fees.bearer, arbiter_bps, old.fees.platform_bps),
        fee_allowance=allowance,
        succeeds=Predecessor(old.escrow_id, contract_id),
    )
    check_terms(old, contract_id, new)
    return new


def fitting(old: Terms, balance: int) -> tuple[int, int]:
    """Amount and allowance that a move of ``balance`` is sure to cover, see the table above."""
    left = balance - RESERVE[old.network]
    if left < 1:
        raise NothingToMove(
            f"The wallet holds {format_xmr(max(balance, 0))} XMR, and moving it could cost as much."
        )
    amount = min(old.amount, left)
    return amount, min(old.fee_allowance, left - amount)


def check_terms(old: Terms, contract_id: str | None, new: Terms) -> None:
    """Refuse new terms that differ in more than arbiter's fee, and an amount that isn't higher.

    Raises ``SuccessorDiffers``.
    """
    if new.succeeds is None or (new.succeeds.escrow_id, new.succeeds.contract_id) != (
        old.escrow_id,
        contract_id,
    ):
        raise SuccessorDiffers("It must name the escrow that it succeeds, and that one's contract.")
    same = replace(
        new,
        escrow_id=old.escrow_id,
        amount=old.amount,
        proposer=old.proposer,
        fees=FeeRule(new.fees.bearer, old.fees.arbiter_bps, new.fees.platform_bps),
        fee_allowance=old.fee_allowance,
        succeeds=old.succeeds,
    )
    if same != old:
        raise SuccessorDiffers(
            "Only arbiter, arbiter's fee and amount may differ from the old terms."
        )
    if new.amount > old.amount or new.fee_allowance > old.fee_allowance:
        raise SuccessorDiffers("A move adds no money: name the old amount, or less.")


def check_same_details(old: Mapping[Role, Details], new: Mapping[Role, Details]) -> None:
    """Refuse sealed parts in which a trader is paid elsewhere, or something else is traded.

    What isn't given yet is not judged. Raises ``SuccessorDiffers``.
    """
    for role in (Role.BUYER, Role.VENDOR):
        if role in new and new[role].address.text != old[role].address.text:
            raise SuccessorDiffers(
                f"The {role.value} would be paid at another address than agreed."
            )
    said = [part.subject for part in new.values() if part.subject is not None]
    if said and said != [part.subject for part in old.values() if part.subject is not None]:
        raise SuccessorDiffers("What is traded has other words than in the old escrow.")
