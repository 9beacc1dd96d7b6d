"""The ways in which an escrow under fault ends, and who has to get how much then."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, assert_never

from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import (
    FeeRule,
    NetworkFeeBearer,
    divide,
    net_of_fee,
    refund,
    release,
    ruling,
)

AMOUNT: Final = 2 * ATOMIC
VENDOR_SHARE: Final = 3 * ATOMIC // 2 + 1
"""What the traders settle on, in piconero."""
ARBITER_PERCENT: Final = "2.5"


class Way(StrEnum):
    """Who decides, and so which two agents pay."""

    RELEASE = "release"
    """The buyer releases; buyer and vendor pay."""
    REFUND = "refund"
    """The vendor gives the money back; vendor and buyer pay."""
    SETTLEMENT = "settlement"
    """The buyer offers a split and the vendor agrees; they pay."""
    RULING = "ruling"
    """The buyer disputes, both say something, the arbiter rules for the buyer; these two pay."""


STATE: Final[Mapping[Way, State]] = {
    Way.RELEASE: State.COMPLETED,
    Way.REFUND: State.REFUNDED,
    Way.SETTLEMENT: State.SETTLED,
    Way.RULING: State.REFUNDED,
}
"""Where the escrow has to end."""


def due(way: Way, fee: int) -> dict[Role, int]:
    """What each has to get, in piconero, once the network took ``fee``; nobody else is paid."""
    fees = FeeRule(NetworkFeeBearer.PAYEE, 250 if way is Way.RULING else 0, 0)
    match way:
        case Way.RELEASE:
            split = release(AMOUNT, AMOUNT, fees)
        case Way.REFUND:
            split = refund(AMOUNT)
        case Way.SETTLEMENT:
            split = divide(AMOUNT, AMOUNT, fees, vendor_share=VENDOR_SHARE)
        case Way.RULING:
            split = ruling(AMOUNT, AMOUNT, fees, vendor_bps=0)
        case _:
            assert_never(way)
    paid = net_of_fee(split, fee, NetworkFeeBearer.PAYEE)
    return {Role.BUYER: paid.buyer, Role.VENDOR: paid.vendor, Role.ARBITER: paid.arbiter}
