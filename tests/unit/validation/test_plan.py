"""Which escrows a validation carries out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.settlement import net_of_fee
from tripartite.validation.plan import LEAST_AMOUNT, MOST_AMOUNT, Ending, draw, mix

_LAUNCH_LIMIT = 50 * 10**12
_HIGHEST_FEE = 20 * 10**9  # regtest takes up to 0.015 XMR for three recipients


@given(st.integers(1, 300), st.integers())
def test_there_are_as_many_escrows_as_asked_for_and_the_same_for_the_same_seed(
    count: int, seed: int
) -> None:
    orders = draw(count, seed)

    assert [one.number for one in orders] == list(range(1, count + 1))
    assert Counter(one.ending for one in orders) == Counter(
        {ending: n for ending, n in mix(count).items() if n}
    )
    assert draw(count, seed) == orders


def test_a_hundred_escrows_have_every_ending_and_most_are_released() -> None:
    counts = mix(100)

    assert min(counts.values()) >= 6
    assert counts[Ending.RELEASE] == max(counts.values()) >= 38
    assert sum(counts.values()) == 100


def test_seven_escrows_have_every_ending_once() -> None:
    assert set(mix(7).values()) == {1}


def test_a_hundred_escrows_and_their_load_stay_below_the_launch_limit() -> None:
    assert sum(one.due for one in draw(150, 1)) < _LAUNCH_LIMIT


@given(st.integers())
def test_everybody_who_is_paid_can_bear_the_network_fee(seed: int) -> None:
    for one in draw(7, seed):
        assert LEAST_AMOUNT <= one.amount <= MOST_AMOUNT <= one.due + MOST_AMOUNT
        split = one.split(one.due)
        if split is None:
            assert one.ending is Ending.CANCELLATION
            continue
        assert split.total == one.due
        net = net_of_fee(split, _HIGHEST_FEE, one.fees.bearer)
        paid = [who for who, _ in net.items()]
        assert [who for who, _ in split.items()] == paid


@given(st.integers())
def test_the_cosigner_of_a_split_is_who_gets_more(seed: int) -> None:
    one = next(one for one in draw(7, seed) if one.ending is Ending.RULING_SPLIT)
    split = one.split(one.amount)

    assert split is not None
    buyer_gets_more = one.vendor_bps * 2 < 10_000
    assert one.cosigner.value == ("buyer" if buyer_gets_more else "vendor")
