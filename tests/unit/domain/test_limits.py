"""Laws of the launch limits: nothing passes that doesn't fit, and what fits passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.limits import (
    BETA,
    AmountAboveLimit,
    EscrowLimitReached,
    Limits,
    Used,
    VolumeLimitReached,
    escrows_left,
    require_room,
    volume_left,
)
from tripartite.domain.money import ATOMIC, MAX_SUPPLY

amounts = st.integers(1, MAX_SUPPLY)
limits = st.builds(Limits, st.none() | amounts, st.none() | amounts, st.none() | st.integers(1, 99))
# Lowered limits leave more in use than they would let in.
uses = st.builds(Used, st.integers(0, 9 * MAX_SUPPLY), st.integers(0, 200))


def fits(limit: Limits, used: Used, amount: int) -> bool:
    """Written down once more, as the requirement says it."""
    return (
        (limit.escrow_amount is None or amount <= limit.escrow_amount)
        and (limit.total_volume is None or used.volume + amount <= limit.total_volume)
        and (limit.concurrent_escrows is None or used.concurrent < limit.concurrent_escrows)
    )


def refusal(
    limit: Limits, used: Used, amount: int
) -> AmountAboveLimit | VolumeLimitReached | EscrowLimitReached | None:
    try:
        require_room(limit, used, amount)
    except (AmountAboveLimit, VolumeLimitReached, EscrowLimitReached) as error:
        return error
    return None


def passes(limit: Limits, used: Used, amount: int) -> bool:
    return refusal(limit, used, amount) is None


@given(limits, uses, amounts)
def test_what_fits_passes_and_nothing_else(limit: Limits, used: Used, amount: int) -> None:
    assert passes(limit, used, amount) is fits(limit, used, amount)


@given(limits, st.lists(amounts | st.integers(1, 9 * ATOMIC), max_size=60))
def test_however_many_are_proposed_the_limits_hold(limit: Limits, proposed: Sequence[int]) -> None:
    taken: list[int] = []
    for amount in proposed:
        if passes(limit, Used(sum(taken), len(taken)), amount):
            taken.append(amount)

    assert limit.escrow_amount is None or all(one <= limit.escrow_amount for one in taken)
    assert limit.total_volume is None or sum(taken) <= limit.total_volume
    assert limit.concurrent_escrows is None or len(taken) <= limit.concurrent_escrows


@given(limits, uses, amounts)
def test_a_refusal_says_the_limit_and_what_is_left(limit: Limits, used: Used, amount: int) -> None:
    """What it says is left would have passed, as far as that limit goes."""
    error = refusal(limit, used, amount)
    if error is None:
        return
    if isinstance(error, AmountAboveLimit):
        wanted = (limit.escrow_amount, limit.escrow_amount)
        alone = Limits(limit.escrow_amount, None, None)
    elif isinstance(error, VolumeLimitReached):
        wanted = (limit.total_volume, volume_left(limit, used))
        alone = Limits(None, limit.total_volume, None)
    else:
        wanted = (limit.concurrent_escrows, escrows_left(limit, used))
        alone = Limits(None, None, limit.concurrent_escrows)
    told = tuple(int(error.facts[name]) for name in ("limit", "left"))
    assert told == wanted
    assert not passes(alone, used, amount)
    assert told[1] == 0 or passes(alone, used, told[1])


@given(limits, uses)
def test_what_is_left_is_never_less_than_nothing(limit: Limits, used: Used) -> None:
    volume, number = volume_left(limit, used), escrows_left(limit, used)

    assert (volume is None) is (limit.total_volume is None)
    assert (number is None) is (limit.concurrent_escrows is None)
    assert volume is None or volume >= 0
    assert number is None or number >= 0


@pytest.mark.parametrize(
    ("amount", "used", "error", "words"),
    [
        (5 * ATOMIC + 1, Used(0, 0), AmountAboveLimit, "5 XMR or less"),
        (4 * ATOMIC, Used(47 * ATOMIC, 19), VolumeLimitReached, "50 XMR, of which 3 XMR are left"),
        (1, Used(50 * ATOMIC, 3), VolumeLimitReached, "0 XMR are left. Ask the operator"),
        (1, Used(20, 20), EscrowLimitReached, "20 may be open at once, and 0 are left"),
    ],
)
def test_a_refusal_is_said_in_xmr(
    amount: int, used: Used, error: type[Refused | Unavailable], words: str
) -> None:
    with pytest.raises(error, match=words):
        require_room(BETA, used, amount)


def test_the_limits_of_the_requirement_reach_to_the_piconero() -> None:
    assert passes(BETA, Used(45 * ATOMIC, 19), 5 * ATOMIC)
    assert not passes(BETA, Used(45 * ATOMIC + 1, 19), 5 * ATOMIC)
