"""Which escrows a validation carries out, drawn by a seed: the same seed, the same escrows.

Pure. Amounts are small, so that a hundred escrows stay below the launch limits (5 XMR each, 50 XMR
in all) and cost little on stagenet; they are large enough for every share to bear the network fee.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import (
    ALL_BPS,
    FeeRule,
    NetworkFeeBearer,
    Split,
    apportion,
    divide,
    refund,
    release,
    ruling,
)

LEAST_AMOUNT: Final = ATOMIC // 10
MOST_AMOUNT: Final = 2 * ATOMIC // 5
ALLOWANCE: Final = 3 * ATOMIC // 100
"""Paid in on top where the buyer bears the network fee."""


class Ending(StrEnum):
    """How an escrow ends. Declaration order is the order in which a small validation takes them."""

    RELEASE = "release"
    RULING_SPLIT = "ruling, split"
    CANCELLATION = "cancellation"
    REFUND = "refund"
    SETTLEMENT = "settlement"
    RULING_FOR_BUYER = "ruling for the buyer"
    RULING_FOR_VENDOR = "ruling for the vendor"

    @property
    def state(self) -> State:
        """Where such an escrow has to stand at last."""
        return _STATES[self]

    @property
    def is_ruling(self) -> bool:
        """Whether the arbiter decides it."""
        return self in _RULINGS


_STATES: Final = {
    Ending.RELEASE: State.COMPLETED,
    Ending.RULING_SPLIT: State.SETTLED,
    Ending.CANCELLATION: State.CANCELLED,
    Ending.REFUND: State.REFUNDED,
    Ending.SETTLEMENT: State.SETTLED,
    Ending.RULING_FOR_BUYER: State.REFUNDED,
    Ending.RULING_FOR_VENDOR: State.COMPLETED,
}
_RULINGS: Final = frozenset(
    {Ending.RULING_SPLIT, Ending.RULING_FOR_BUYER, Ending.RULING_FOR_VENDOR}
)

WEIGHTS: Final[Mapping[Ending, int]] = {
    Ending.RELEASE: 40,
    Ending.RULING_SPLIT: 6,
    Ending.CANCELLATION: 10,
    Ending.REFUND: 15,
    Ending.SETTLEMENT: 15,
    Ending.RULING_FOR_BUYER: 7,
    Ending.RULING_FOR_VENDOR: 7,
}
"""Our choice: most trades go well, and no ending is so rare that a hundred escrows miss it."""


@dataclass(frozen=True, slots=True)
class Order:
    """One escrow to be carried out. Money in piconero, ``…_bps`` in basis points.

    ``caller`` is who cancels, offers the split, or calls the arbiter. ``vendor_share`` is that of a
    settlement, ``vendor_bps`` that of a ruling.
    """

    number: int
    ending: Ending
    amount: int
    fees: FeeRule
    caller: Role
    vendor_share: int
    vendor_bps: int

    @property
    def due(self) -> int:
        """What has to be paid in: with the allowance, where the buyer bears the fee."""
        allowed = ALLOWANCE if self.fees.bearer is NetworkFeeBearer.PAYER else 0
        return self.amount + allowed

    @property
    def cosigner(self) -> Role:
        """Who signs a split ruling with the arbiter."""
        return Role.BUYER if self.vendor_bps * 2 < ALL_BPS else Role.VENDOR

    def split(self, balance: int) -> Split | None:
        """What each gets of the wallet's balance before the network fee; None if nothing moves."""
        match self.ending:
            case Ending.RELEASE:
                return release(self.amount, balance, self.fees)
            case Ending.REFUND:
                return refund(balance)
            case Ending.SETTLEMENT:
                return divide(self.amount, balance, self.fees, vendor_share=self.vendor_share)
            case Ending.RULING_FOR_BUYER | Ending.RULING_FOR_VENDOR | Ending.RULING_SPLIT:
                return ruling(self.amount, balance, self.fees, vendor_bps=self.vendor_bps)
            case Ending.CANCELLATION:
                return None
            case _:
                assert_never(self.ending)


def mix(transactions: int) -> Mapping[Ending, int]:
    """How often each ending is to come: each at least once, as soon as there is room for all."""
    endings = tuple(Ending)
    if transactions <= len(endings):
        return {one: int(place < transactions) for place, one in enumerate(endings)}
    further = apportion(transactions - len(endings), [WEIGHTS[one] for one in endings])
    return {one: 1 + more for one, more in zip(endings, further, strict=True)}


def draw(transactions: int, seed: int) -> tuple[Order, ...]:
    """So many orders in the order in which they are to begin."""
    chance = random.Random(seed)  # noqa: S311 — a plan, not a secret; it must come out the same
    endings = [ending for ending, count in mix(transactions).items() for _ in range(count)]
    chance.shuffle(endings)
    return tuple(order(number, one, chance) for number, one in enumerate(endings, start=1))


def order(number: int, ending: Ending, chance: random.Random) -> Order:
    """One order with this ending; all else is drawn."""
    amount = chance.randrange(LEAST_AMOUNT, MOST_AMOUNT + 1)
    bearer = chance.choice(tuple(NetworkFeeBearer))
    bps = {Ending.RULING_FOR_BUYER: 0, Ending.RULING_FOR_VENDOR: ALL_BPS}
    return Order(
        number=number,
        ending=ending,
        amount=amount,
        fees=FeeRule(bearer, chance.randrange(0, 301), chance.choice((0, 50, 75))),
        caller=chance.choice((Role.BUYER, Role.VENDOR)),
        # Neither share so small that the network fee would eat it.
        vendor_share=chance.randrange(amount // 4, 3 * amount // 4),
        vendor_bps=bps.get(ending, chance.randrange(ALL_BPS // 4, 3 * ALL_BPS // 4)),
    )
