"""Money is a whole number of piconero: read strictly once, exact ever after.

One XMR is 10^12 piconero (CRYPTONOTE_DISPLAY_DECIMAL_POINT is 12 in Monero's
``cryptonote_config.h``). Nothing here rounds, truncates or touches a float.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final, TypeAlias

from tripartite.domain.errors import Refused

Piconero: TypeAlias = int

DECIMALS: Final = 12
ATOMIC: Final = 10**DECIMALS

# MONEY_SUPPLY in Monero's cryptonote_config.h is the largest 64-bit unsigned number; no amount
# on the chain can be written beyond it.
MAX_SUPPLY: Final = 2**64 - 1

# [0-9], not \d: the latter also accepts the digits of other scripts.
_XMR: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_WHOLE: Final = re.compile(r"0|[1-9][0-9]*")
_SUPPLY_DIGITS: Final = len(str(MAX_SUPPLY))


class AmountMalformed(Refused):
    """That is not an amount."""

    code: ClassVar[str] = "amount_malformed"


class AmountTooPrecise(Refused):
    """An amount has at most 12 decimals."""

    code: ClassVar[str] = "amount_too_precise"


class AmountNotPositive(Refused):
    """An amount has to be above zero."""

    code: ClassVar[str] = "amount_not_positive"


class AmountAboveSupply(Refused):
    """There is not that much money."""

    code: ClassVar[str] = "amount_above_supply"


def parse_xmr(text: str, *, zero_allowed: bool = False) -> Piconero:
    """Piconero from what a person wrote in XMR, such as ``1.25``.

    Plain decimal only: no sign, exponent, spaces, separators, leading zeros, bare point or
    digits of another script. ``zero_allowed`` is for shares: a vendor may get nothing in a split.
    Raises AmountMalformed, AmountTooPrecise, AmountNotPositive or AmountAboveSupply; never rounds.
    """
    match = _XMR.fullmatch(text)
    if match is None:
        raise AmountMalformed("Write the amount in XMR as plain digits, such as 1.25.")
    whole, decimals = match[1], match[2] or ""
    if len(decimals) > DECIMALS:
        raise AmountTooPrecise(
            f"Write at most {DECIMALS} digits after the point; the smallest amount is "
            "0.000000000001 XMR."
        )
    # Checked before int(), whose cost grows with the square of the length.
    if len(whole) > _SUPPLY_DIGITS:
        raise _above_supply()
    return _within_supply(
        int(whole + decimals.ljust(DECIMALS, "0")), lowest=0 if zero_allowed else 1
    )


def parse_piconero(text: str, *, zero_allowed: bool = False) -> Piconero:
    """Piconero from the canonical decimal string that messages carry (no leading zeros).

    ``zero_allowed`` as in ``parse_xmr``. Raises AmountMalformed, AmountNotPositive or
    AmountAboveSupply.
    """
    if _WHOLE.fullmatch(text) is None:
        raise AmountMalformed("Give piconero as a decimal string without sign or leading zeros.")
    if len(text) > _SUPPLY_DIGITS:
        raise _above_supply()
    return _within_supply(int(text), lowest=0 if zero_allowed else 1)


def format_xmr(amount: Piconero) -> str:
    """The exact amount in XMR without trailing zeros: ``1``, ``0.5``, ``0.000000000001``.

    The inverse of ``parse_xmr`` for every amount it accepts; also writes 0. Raises ValueError
    for a negative amount, which no part of Tripartite has.
    """
    if amount < 0:
        raise ValueError("an amount of money is never negative")
    whole, rest = divmod(amount, ATOMIC)
    decimals = f"{rest:0{DECIMALS}}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _within_supply(amount: int, *, lowest: int) -> Piconero:
    if amount < lowest:
        raise AmountNotPositive("Give an amount above zero.")
    if amount > MAX_SUPPLY:
        raise _above_supply()
    return amount


def _above_supply() -> AmountAboveSupply:
    return AmountAboveSupply(f"Give at most {format_xmr(MAX_SUPPLY)} XMR, all there can be.")
