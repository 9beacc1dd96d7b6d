"""A leak is called one, and what only looks like one isn't."""

from __future__ import annotations

import random

import pytest

from benchmarks.growth import Finding, Growth, Leftovers, Verdict, growth

ESCROWS = [5.0 * number for number in range(300)]
CLEAN = Leftovers(open_escrows=0, due_work=0, failing_work=0, agents_lost=0)


def noisy(seed: int, *, per_escrow: float = 0.0, swing: float = 3.0) -> list[float]:
    """Memory that wanders as an allocator's does: each sample is close to the one before."""
    chance = random.Random(seed)
    wander, found = 0.0, []
    for escrows in ESCROWS:
        wander = 0.9 * wander + chance.gauss(0.0, swing / 3)
        found.append(120.0 + wander + per_escrow * escrows)
    return found


def found(values: list[float]) -> Finding:
    return growth(ESCROWS, values, tolerated=4.0).finding


def test_a_level_line_is_flat() -> None:
    level = growth(ESCROWS, [120.0] * len(ESCROWS), tolerated=4.0)

    assert level.finding is Finding.FLAT
    assert (level.slope, level.low, level.high) == (0.0, 0.0, 0.0)


def test_a_steady_leak_is_called_one_and_measured() -> None:
    leaky = growth(ESCROWS, [120.0 + 0.02 * one for one in ESCROWS], tolerated=4.0)

    assert leaky.finding is Finding.LEAK
    assert leaky.slope == pytest.approx(20.0)


@pytest.mark.parametrize("seed", range(50))
def test_noise_alone_is_never_called_a_leak(seed: int) -> None:
    assert found(noisy(seed)) is not Finding.LEAK


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_hide_a_leak(seed: int) -> None:
    assert found(noisy(seed, per_escrow=0.02)) is Finding.LEAK


def test_a_pool_that_was_filled_once_is_no_leak() -> None:
    stepped = [120.0 if one < ESCROWS[100] else 160.0 for one in ESCROWS]

    assert found(stepped) is not Finding.LEAK


def test_what_shrinks_is_flat() -> None:
    assert found([160.0 - 0.02 * one for one in ESCROWS]) is Finding.FLAT


def test_one_file_left_open_for_each_escrow_is_a_leak() -> None:
    files = growth(ESCROWS, [40.0 + one for one in ESCROWS], tolerated=5.0)

    assert files.finding is Finding.LEAK


def test_too_few_samples_say_nothing() -> None:
    short = growth(ESCROWS[:20], [120.0] * 20, tolerated=4.0)

    assert short.finding is Finding.OPEN
    assert short.to_json()["high"] is None


def test_a_time_in_which_no_escrow_ended_says_nothing() -> None:
    assert growth([7.0] * 100, [120.0] * 100, tolerated=4.0).finding is Finding.OPEN


def flat() -> Growth:
    return growth(ESCROWS, [1.0] * len(ESCROWS), tolerated=1.0)


def leaking() -> Growth:
    return growth(ESCROWS, list(ESCROWS), tolerated=1.0)


def unknown() -> Growth:
    return growth([], [], tolerated=1.0)


def test_one_leak_is_enough() -> None:
    found = Verdict({"memory": flat(), "threads": unknown(), "files": leaking()}, CLEAN)

    assert found.finding is Finding.LEAK


def test_nothing_is_flat_that_is_not_known() -> None:
    assert Verdict({"memory": unknown(), "files": flat()}, CLEAN).finding is Finding.OPEN
    assert Verdict({"memory": flat(), "files": flat()}, CLEAN).finding is Finding.FLAT


@pytest.mark.parametrize(
    "left",
    [Leftovers(1, 0, 0, 0), Leftovers(0, 1, 0, 0), Leftovers(0, 0, 1, 0), Leftovers(0, 0, 0, 1)],
)
def test_work_that_was_left_is_a_leak_of_work(left: Leftovers) -> None:
    assert Verdict({"memory": flat()}, left).finding is Finding.LEAK
