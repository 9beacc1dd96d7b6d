"""Who gets how many piconero.

A payout always empties the wallet: every function here takes the wallet's ``balance`` and returns
a ``Split`` whose sum is exactly that balance. ``net_of_fee`` then takes the network fee off, and
the sum is exactly balance - fee. All numbers are whole piconero; nothing is ever rounded away.

The rules, in the order they are applied:

1. What is shared out is the agreed amount, or the balance when less than that arrived. Anything
   above the agreed amount (the surplus) goes back to the buyer, free of every fee but the
   network's.
2. The arbiter is paid for a ruling only, off the top: ``arbiter_bps`` of what is shared out.
   Buyer and vendor so bear it in proportion to what the ruling gives them.
3. The vendor gets the share that the ending names. If less than the agreed amount arrived, a
   share named in piconero shrinks in proportion. The buyer gets the rest.
4. The platform takes ``platform_bps`` of the vendor's part, out of the vendor's part. No vendor's
   part (a refund), no platform fee.
5. Fees and the vendor's share are rounded down. So a piconero that can't be divided stays with
   the one a fee is taken from, or with the buyer.

Examples: 1,000 agreed, arbiter 2 % (200), platform 1 % (100). A test reads this table.

| ending             | balance | buyer | vendor | arbiter | platform |
|--------------------|---------|-------|--------|---------|----------|
| release            |    1000 |     0 |    990 |       0 |       10 |
| release            |    1300 |   300 |    990 |       0 |       10 |
| refund             |    1000 |  1000 |      0 |       0 |        0 |
| refund             |     400 |   400 |      0 |       0 |        0 |
| refund             |    1300 |  1300 |      0 |       0 |        0 |
| divide 250         |    1000 |   750 |    248 |       0 |        2 |
| divide 250         |    1300 |  1050 |    248 |       0 |        2 |
| divide 250         |     500 |   375 |    124 |       0 |        1 |
| divide 250         |     501 |   376 |    124 |       0 |        1 |
| ruling 10000       |    1000 |     0 |    971 |      20 |        9 |
| ruling 0           |    1000 |   980 |      0 |      20 |        0 |
| ruling 5000        |    1000 |   490 |    486 |      20 |        4 |
| ruling 5000        |    1300 |   790 |    486 |      20 |        4 |
| ruling 5000        |     501 |   246 |    243 |      10 |        2 |

Then the network fee of 30, borne by:

| bearer | buyer | vendor | arbiter | platform | -> | buyer | vendor | arbiter | platform |
|--------|-------|--------|---------|----------|----|-------|--------|---------|----------|
| payee  |   490 |    486 |      20 |        4 | -> |   490 |    456 |      20 |        4 |
| payer  |   490 |    486 |      20 |        4 | -> |   460 |    486 |      20 |        4 |
| shared |   490 |    486 |      20 |        4 | -> |   475 |    471 |      20 |        4 |
| shared |   750 |    250 |       0 |        0 | -> |   727 |    243 |       0 |        0 |
| payee  |  1000 |      0 |       0 |        0 | -> |   970 |      0 |       0 |        0 |
| payer  |     0 |    990 |       0 |       10 | -> |     0 |    960 |       0 |       10 |
| payer  |    10 |    980 |       0 |       10 | -> |     0 |    960 |       0 |       10 |
| payee  |   980 |      0 |      20 |        0 | -> |   951 |      0 |      19 |        0 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tripartite.domain.errors import Refused

ALL_BPS: Final = 10_000
"""Basis points in a whole."""


class FeeRuleInvalid(Refused):
    """The fees in the terms can't be charged."""

    code = "fee_rule_invalid"


class ShareOutOfRange(Refused):
    """A share is less than nothing or more than there is."""

    code = "share_out_of_range"


class NothingToPayOut(Refused):
    """There is no money to divide."""

    code = "nothing_to_pay_out"


class ReleaseUnderpaid(Refused):
    """Less than the agreed amount arrived, so it can't be released in full."""

    code = "release_underpaid"


class NetworkFeeAboveBalance(Refused):
    """The network fee would eat more than the whole balance."""

    code = "network_fee_above_balance"


class Recipient(StrEnum):
    """Everyone a payout can pay. Declaration order is the order of outputs and of odd piconero.

    The first three have the values of ``Role``.
    """

    BUYER = "buyer"
    VENDOR = "vendor"
    ARBITER = "arbiter"
    PLATFORM = "platform"


class NetworkFeeBearer(StrEnum):
    """Whose money the network fee is taken from first."""

    PAYEE = "payee"
    """The vendor."""
    PAYER = "payer"
    """The buyer."""
    SHARED = "shared"
    """Buyer and vendor, in proportion to what each receives."""


class Outcome(StrEnum):
    """The endings that terms can be judged by before there is any."""

    RELEASED = "released"
    REFUNDED = "refunded"
    RULED_FOR_VENDOR = "ruled for the vendor"
    RULED_FOR_BUYER = "ruled for the buyer"


@dataclass(frozen=True, slots=True)
class FeeRule:
    """The fees that the terms agree on.

    ``arbiter_bps`` and ``platform_bps`` are basis points (1/10,000); see the rules at the top for
    what they are taken of. Raises ``FeeRuleInvalid``.
    """

    bearer: NetworkFeeBearer
    arbiter_bps: int
    platform_bps: int

    def __post_init__(self) -> None:
        for name, bps in (("arbiter", self.arbiter_bps), ("platform", self.platform_bps)):
            if not 0 <= bps <= ALL_BPS:
                raise FeeRuleInvalid(
                    f"The {name}'s fee is {bps} basis points: give 0 to {ALL_BPS}.", bps=bps
                )
        if self.arbiter_bps + self.platform_bps > ALL_BPS:
            raise FeeRuleInvalid(
                "The arbiter's and the platform's fee are more than everything together: "
                f"lower them to {ALL_BPS} basis points or less in sum.",
                bps=self.arbiter_bps + self.platform_bps,
            )


@dataclass(frozen=True, slots=True)
class Split:
    """Who gets how much, in piconero. Raises ``ShareOutOfRange`` for a negative part."""

    buyer: int = 0
    vendor: int = 0
    arbiter: int = 0
    platform: int = 0

    def __post_init__(self) -> None:
        for recipient, part in zip(Recipient, self.parts, strict=True):
            if part < 0:
                raise ShareOutOfRange(
                    f"The {recipient} would get {part} piconero: nobody can get less than 0.",
                    share=part,
                )

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """All four parts in the order of ``Recipient``, zeros included."""
        return self.buyer, self.vendor, self.arbiter, self.platform

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(self.parts)

    def items(self) -> tuple[tuple[Recipient, int], ...]:
        """Who is paid and how much, in the order of ``Recipient``, without those who get 0."""
        return tuple(
            (recipient, part)
            for recipient, part in zip(Recipient, self.parts, strict=True)
            if part > 0
        )


def release(amount: int, balance: int, rule: FeeRule) -> Split:
    """The vendor gets the agreed amount less the platform's fee, the buyer any surplus.

    Raises ``ReleaseUnderpaid`` if the balance is less than the amount: the parties may still
    agree on a settlement of what is there.
    """
    _check_money(amount, balance)
    if balance < amount:
        raise ReleaseUnderpaid(
            f"{amount - balance} piconero are missing: send them to the deposit address, "
            "or agree on a settlement of what is there.",
            missing=amount - balance,
        )
    return divide(amount, balance, rule, vendor_share=amount)


def refund(balance: int) -> Split:
    """The buyer gets everything; neither arbiter nor platform earn on a refund."""
    _check_money(1, balance)
    return Split(buyer=balance)


def divide(amount: int, balance: int, rule: FeeRule, *, vendor_share: int) -> Split:
    """A settlement that buyer and vendor agree on.

    ``vendor_share`` is the vendor's part of the agreed amount, in piconero, before the platform's
    fee; if less than the agreed amount arrived it shrinks in proportion. The arbiter has no part.
    Raises ``ShareOutOfRange``, ``NothingToPayOut``.
    """
    _check_money(amount, balance)
    if not 0 <= vendor_share <= amount:
        raise ShareOutOfRange(
            f"The vendor's share is {vendor_share} piconero: give 0 to the agreed {amount}.",
            share=vendor_share,
        )
    shared_out = min(amount, balance)
    return _split(balance, rule, vendor_part=vendor_share * shared_out // amount, arbiter=0)


def ruling(amount: int, balance: int, rule: FeeRule, *, vendor_bps: int) -> Split:
    """What an arbiter's ruling gives each, the arbiter's own fee included.

    ``vendor_bps`` is the vendor's share, in basis points, of what is left of the agreed amount
    after the arbiter's fee; the buyer gets the other part. Raises ``ShareOutOfRange``,
    ``NothingToPayOut``.
    """
    _check_money(amount, balance)
    if not 0 <= vendor_bps <= ALL_BPS:
        raise ShareOutOfRange(
            f"The vendor's share is {vendor_bps} basis points: give 0 to {ALL_BPS}.",
            share=vendor_bps,
        )
    shared_out = min(amount, balance)
    arbiter = shared_out * rule.arbiter_bps // ALL_BPS
    vendor_part = (shared_out - arbiter) * vendor_bps // ALL_BPS
    return _split(balance, rule, vendor_part=vendor_part, arbiter=arbiter)


def outcomes(amount: int, balance: int, rule: FeeRule) -> tuple[tuple[Outcome, Split], ...]:
    """Who gets what in each ending; rulings only where they cost something. Raises as those do."""
    found = [
        (Outcome.RELEASED, release(amount, balance, rule)),
        (Outcome.REFUNDED, refund(balance)),
    ]
    if rule.arbiter_bps:
        found += [
            (Outcome.RULED_FOR_VENDOR, ruling(amount, balance, rule, vendor_bps=ALL_BPS)),
            (Outcome.RULED_FOR_BUYER, ruling(amount, balance, rule, vendor_bps=0)),
        ]
    return tuple(found)


def net_of_fee(split: Split, fee: int, bearer: NetworkFeeBearer) -> Split:
    """What is left for each after a network fee of ``fee`` piconero; sums to total - fee.

    The bearer pays first, down to nothing. What the bearer can't carry falls on all others in
    proportion to what they receive; so does a fee whose bearer receives nothing, such as the
    vendor's in a refund. Odd piconero follow ``apportion``.
    Raises ``NetworkFeeAboveBalance``; ``ShareOutOfRange`` for a negative fee.
    """
    if fee < 0:
        raise ShareOutOfRange(f"A network fee of {fee} piconero: give 0 or more.", share=fee)
    if fee > split.total:
        raise NetworkFeeAboveBalance(
            f"The fee is {fee} piconero and the balance {split.total}: wait for lower fees "
            "or choose a lower priority.",
            fee=fee,
            balance=split.total,
        )
    bearing = _bearing(bearer)
    first = [part if pays else 0 for part, pays in zip(split.parts, bearing, strict=True)]
    rest = [0 if pays else part for part, pays in zip(split.parts, bearing, strict=True)]
    carried = min(fee, sum(first))
    charges = zip(apportion(carried, first), apportion(fee - carried, rest), strict=True)
    buyer, vendor, arbiter, platform = (
        part - borne - fallen for part, (borne, fallen) in zip(split.parts, charges, strict=True)
    )
    return Split(buyer, vendor, arbiter, platform)


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """``total`` divided in proportion to ``weights``, exactly (method of largest remainders).

    Each first gets its part rounded down; the odd units go one by one to the largest remainders,
    among equals to the one that comes first. Nobody's part is a whole unit away from its exact
    value, so with total <= sum(weights) nobody gets more than its weight.
    Raises ``ShareOutOfRange`` if there is something to divide and nobody to get it.
    """
    whole = sum(weights)
    if total < 0 or any(weight < 0 for weight in weights) or (total > 0 and whole == 0):
        raise ShareOutOfRange(f"{total} can't be divided by the weights {list(weights)}.")
    if whole == 0:
        return tuple(0 for _ in weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda place: total * weights[place] % whole, reverse=True
    )  # sorted() is stable in reverse too: among equals the first place stays first
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def _bearing(bearer: NetworkFeeBearer) -> tuple[bool, bool, bool, bool]:
    """Which of buyer, vendor, arbiter and platform pay the network fee first."""
    match bearer:
        case NetworkFeeBearer.PAYEE:
            return False, True, False, False
        case NetworkFeeBearer.PAYER:
            return True, False, False, False
        case NetworkFeeBearer.SHARED:
            return True, True, False, False
        case _:
            assert_never(bearer)


def _split(balance: int, rule: FeeRule, *, vendor_part: int, arbiter: int) -> Split:
    """Rules 4 and 1: the platform's fee out of the vendor's part, all the rest to the buyer."""
    platform = vendor_part * rule.platform_bps // ALL_BPS
    return Split(
        buyer=balance - arbiter - vendor_part,
        vendor=vendor_part - platform,
        arbiter=arbiter,
        platform=platform,
    )


def _check_money(amount: int, balance: int) -> None:
    if amount < 1:
        raise ShareOutOfRange(f"The agreed amount is {amount} piconero: it must be above 0.")
    if balance < 1:
        raise NothingToPayOut(
            f"The wallet's balance is {balance} piconero: wait until the deposit can be spent.",
            balance=balance,
        )
