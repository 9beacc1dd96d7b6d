"""The questions of a load come when they were to come, not when there is time for them."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.asking import Order, moments

QUESTIONS = (("list", "/api/escrow", "t"), ("events", "/api/events", "t"))


def order(*, seed: int = 1) -> Order:
    return Order("http://127.0.0.1:1", 100.0, 60.0, seed, QUESTIONS)


def test_the_rate_is_kept_whoever_answers() -> None:
    plan = list(moments(order()))

    assert len(plan) == pytest.approx(6_000, rel=0.05)
    assert [moment for moment, _ in plan] == sorted(moment for moment, _ in plan)
    assert plan[-1][0] < 60.0


def test_callers_come_by_chance_and_so_sometimes_together() -> None:
    times = [moment for moment, _ in moments(order())]
    gaps = [after - before for before, after in itertools.pairwise(times)]

    # Of a Poisson process at 100 a second, one gap in ten is shorter than a millisecond.
    assert sum(gap < 0.001 for gap in gaps) / len(gaps) == pytest.approx(0.095, abs=0.02)


def test_the_same_seed_asks_the_same() -> None:
    assert list(moments(order())) == list(moments(order()))
    assert list(moments(order())) != list(moments(order(seed=2)))
