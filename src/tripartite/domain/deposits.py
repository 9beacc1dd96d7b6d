"""What has been paid into an escrow's wallet, and whether that is enough.

``tally`` counts one wallet's view of the chain; ``is_funded`` compares what the parties report.
Both are computed afresh from what is true now and remember nothing: when a reorganisation takes
a deposit away, the next tally is smaller and ``is_funded`` is false again.

Heights. ``chain_height`` is a number of blocks, what monerod's ``get_info`` calls ``height``. The
first block has height 0, so with chain_height = 101 the top block has height 100. A transaction
in it has 101 - 100 = 1 confirmation, and can be spent at 10, when chain_height is 110.

An output is in exactly one of three places, so seen = locked + pending + confirmed:

    locked      its unlock_time isn't reached, however deep it is buried
    pending     in the pool, or not confirmed often enough
    confirmed   confirmed often enough, and spendable

Money is whole piconero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.parties import Role

# Monero refuses to spend an output younger than ten blocks: CRYPTONOTE_DEFAULT_TX_SPENDABLE_AGE
# in its src/cryptonote_config.h, checked by wallet2::is_transfer_unlocked.
UNLOCK_DEPTH: Final = 10

# An unlock_time below this is a height, from here on a Unix time: CRYPTONOTE_MAX_BLOCK_NUMBER in
# src/cryptonote_config.h, used by wallet2::is_tx_spendtime_unlocked.
FIRST_UNIX_UNLOCK_TIME: Final = 500_000_000

# A day of two-minute blocks. More would only be a slip of the pen that holds money for long.
MAX_CONFIRMATIONS: Final = 720


# One transaction spends at most so many outputs: with its ring of 16 an input weighs about 0.7 kB, and
# wallet2 splits at two thirds of what a block's median allows (create_transactions_2). A payout is
# one transaction, so a deposit in more parts can't be paid out.
MOST_OUTPUTS: Final = 140

# In piconero: 0.001 XMR, some fees of a payout. Else anybody could keep an escrow that is over busy
# for ever with payments that aren't worth sending back.
LEAST_LATE: Final = 10**9

MANY_OUTPUTS: Final = 100
"""From here on people are told, while there is still room."""


class ConfirmationsOutOfRange(Refused):
    """The number of confirmations asked for can't be used."""

    code = "confirmations_out_of_range"


class ConfirmationTiersInvalid(Refused):
    """The tiers of confirmations contradict each other."""

    code = "confirmation_tiers_invalid"


class DepositInvalid(Refused):
    """A deposit or a sum of deposits has an impossible number."""

    code = "deposit_invalid"


class DepositInManyParts(Refused):
    """The deposit comes in so many outputs that soon no single transaction can pay it out."""

    code = "deposit_in_many_parts"


class DepositInTooManyParts(Refused):
    """The deposit came in more outputs than a single transaction can spend."""

    code = "deposit_in_too_many_parts"


class DepositContradicts(Tampered):
    """One output was listed twice with different contents."""

    code = "deposit_contradicts"


@dataclass(frozen=True, slots=True)
class Output:
    """One output paid to the escrow's wallet.

    ``index`` tells the outputs of one transaction apart (any numbering will do if it stays the
    same). ``height`` is None while the transaction is in the pool. ``unlock_time`` is what the
    payer wrote, 0 if nothing. Raises ``DepositInvalid`` for a negative number.
    """

    txid: str
    index: int
    amount: int
    height: int | None
    unlock_time: int = 0

    def __post_init__(self) -> None:
        height = 0 if self.height is None else self.height
        if min(self.index, self.amount, height, self.unlock_time) < 0:
            raise DepositInvalid(
                f"Output {self.index} of transaction {self.txid} has a number below 0: "
                "read it again from the wallet."
            )

    def confirmations(self, chain_height: int) -> int:
        """How many blocks bury it, its own included; 0 in the pool or above the chain."""
        return 0 if self.height is None else max(0, chain_height - self.height)

    def is_locked(self, chain_height: int, now_unix: int) -> bool:
        """Whether the unlock_time that the payer wrote still forbids spending.

        As a height this is wallet2's test, chain_height - 1 + 1 >= unlock_time (one block of
        tolerance). As a time we are stricter than wallet2, which allows two minutes: waiting a
        block longer costs nothing, counting money that can't be spent yet does.
        """
        if self.unlock_time < FIRST_UNIX_UNLOCK_TIME:
            return self.unlock_time > chain_height
        return self.unlock_time > now_unix


@dataclass(frozen=True, slots=True)
class Tally:
    """One wallet's deposits, counted. All sums in piconero.

    ``missing`` is what still has to be sent, and ``surplus`` what was sent too much: both take
    ``confirmed`` and ``pending`` together, for what is on its way needn't be sent again. Locked
    outputs count for neither, as they may be locked for ever. At most one of the two isn't 0.

    ``confirmations`` is that of the youngest output needed to reach the amount, oldest first;
    0 while money is missing. ``missing_confirmations`` is what it lacks to the required number.
    So the deposit is complete exactly when both missing numbers are 0.
    """

    seen: int
    pending: int
    confirmed: int
    locked: int
    missing: int
    surplus: int
    confirmations: int
    missing_confirmations: int


@dataclass(frozen=True, slots=True)
class ConfirmationTiers:
    """How many confirmations a deposit needs, by agreed amount.

    ``tiers`` are pairs (from this amount on, confirmations); below the first, ``UNLOCK_DEPTH``
    is enough. Amounts and confirmations both rise from tier to tier.
    Raises ``ConfirmationsOutOfRange``, ``ConfirmationTiersInvalid``.
    """

    tiers: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        from_before, needed_before = 0, 0
        for from_amount, needed in self.tiers:
            _check_required(needed)
            if from_amount <= from_before or needed <= needed_before:
                raise ConfirmationTiersInvalid(
                    f"The tier from {from_amount} piconero with {needed} confirmations must have "
                    "a higher amount and more confirmations than the one before it, and an "
                    "amount above 0."
                )
            from_before, needed_before = from_amount, needed

    def required(self, amount: int) -> int:
        """The confirmations that a deposit for this agreed amount needs."""
        return max(
            (needed for from_amount, needed in self.tiers if amount >= from_amount),
            default=UNLOCK_DEPTH,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What one party's wallet has counted, in piconero, when the chain had ``height`` blocks.

    Raises ``DepositInvalid`` for a negative number.
    """

    confirmed: int
    pending: int
    locked: int
    height: int

    def __post_init__(self) -> None:
        if min(self.confirmed, self.pending, self.locked, self.height) < 0:
            raise DepositInvalid("A deposit report has a number below 0: send 0 or more.")


def tally(
    outputs: Iterable[Output],
    *,
    chain_height: int,
    now_unix: int,
    required_confirmations: int,
    amount: int,
) -> Tally:
    """Count the outputs of one wallet against the agreed ``amount``.

    ``now_unix`` is the chain's time in seconds: the top block's timestamp, because monerod goes
    by the timestamps of blocks too (Blockchain::get_adjusted_time). The order of the outputs
    doesn't matter. One listed twice, as can happen while it moves from pool to block, counts
    once, as the less confirmed of the two.
    Raises ``ConfirmationsOutOfRange``, ``DepositInvalid``, ``DepositContradicts``.
    """
    _check_required(required_confirmations)
    if amount < 1:
        raise DepositInvalid(f"The agreed amount is {amount} piconero: it must be above 0.")
    locked = pending = confirmed = 0
    depths: list[tuple[int, int]] = []
    for output in _each_once(outputs, chain_height):
        depth = output.confirmations(chain_height)
        if output.is_locked(chain_height, now_unix):
            locked += output.amount
            continue
        depths.append((depth, output.amount))
        if depth >= required_confirmations:
            confirmed += output.amount
        else:
            pending += output.amount
    depth = _depth_of_youngest_needed(depths, amount)
    return Tally(
        seen=locked + pending + confirmed,
        pending=pending,
        confirmed=confirmed,
        locked=locked,
        missing=max(0, amount - confirmed - pending),
        surplus=max(0, confirmed + pending - amount),
        confirmations=depth,
        missing_confirmations=max(0, required_confirmations - depth),
    )


def judge_parts(outputs: Iterable[Output]) -> Refused | None:
    """What people have to hear about the number of outputs; None if there are few."""
    count = len({(output.txid, output.index) for output in outputs})
    if count > MOST_OUTPUTS:
        return DepositInTooManyParts(
            f"It came in {count} outputs; one transaction spends at most about {MOST_OUTPUTS}, and a "
            "payout is one. Nothing is lost, but Tripartite can't pay it out: see "
            "docs/guides/party.md.",
            outputs=count,
        )
    if count > MANY_OUTPUTS:
        return DepositInManyParts(
            f"It came in {count} outputs so far; with more than {MOST_OUTPUTS} there is no payout. "
            "Send what is missing in one payment, and nothing more.",
            outputs=count,
        )
    return None


def shortfall(reports: Mapping[Role, Report], amount_due: int) -> tuple[int, int]:
    """How much is missing and how much too much, in piconero; at most one of them isn't 0.

    By the lowest word of those who report: what only one wallet sees has to be seen by the other
    first. As in ``Tally``, locked outputs count for neither. Without any report all is missing.
    """
    seen = min((one.confirmed + one.pending for one in reports.values()), default=0)
    return max(0, amount_due - seen), max(0, seen - amount_due)


def agreed(reports: Mapping[Role, Report]) -> tuple[int, bool]:
    """What every reporting wallet has, in piconero, and whether that much is confirmed."""
    confirmed = min((one.confirmed for one in reports.values()), default=0)
    if confirmed:
        return confirmed, True
    return min((one.confirmed + one.pending for one in reports.values()), default=0), False


def is_funded(reports: Mapping[Role, Report], amount_due: int, *, payer: Role = Role.BUYER) -> bool:
    """Whether two parties' wallets have the whole amount confirmed, one of them not the payer's.

    One report is never enough: one party may lie, and one wallet or node may err. A sum counts
    only by itself: two parties that each see half of it are no witnesses.
    Raises ``DepositInvalid`` if nothing is due.
    """
    if amount_due < 1:
        raise DepositInvalid(f"The amount due is {amount_due} piconero: it must be above 0.")
    witnesses = {role for role, report in reports.items() if report.confirmed >= amount_due}
    # Among two different roles one never is the payer. The rule is spelt out all the same, so that
    # it still holds if the number of witnesses is ever changed.
    return len(witnesses) >= 2 and bool(witnesses - {payer})


def _each_once(outputs: Iterable[Output], chain_height: int) -> Iterable[Output]:
    found: dict[tuple[str, int], Output] = {}
    for output in outputs:
        place = (output.txid, output.index)
        other = found.setdefault(place, output)
        if (other.amount, other.unlock_time) != (output.amount, output.unlock_time):
            raise DepositContradicts(
                f"Output {output.index} of transaction {output.txid} is listed with two different "
                "contents: stop using this wallet and node, and compare with another node."
            )
        if output.confirmations(chain_height) < other.confirmations(chain_height):
            found[place] = output
    return found.values()


def _depth_of_youngest_needed(depths: Iterable[tuple[int, int]], amount: int) -> int:
    """Confirmations at which the deepest outputs together reach the amount; 0 if they don't."""
    reached = 0
    for depth, part in sorted(depths, reverse=True):
        reached += part
        if reached >= amount:
            return depth
    return 0


def _check_required(confirmations: int) -> None:
    if not UNLOCK_DEPTH <= confirmations <= MAX_CONFIRMATIONS:
        raise ConfirmationsOutOfRange(
            f"{confirmations} confirmations asked for: give {UNLOCK_DEPTH}, below which Monero "
            f"can't spend, to {MAX_CONFIRMATIONS}.",
            confirmations=confirmations,
        )
