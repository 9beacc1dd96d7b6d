"""What a soak makes of its samples."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.growth import Finding, Leftovers
from benchmarks.soak import EXIT_STATUS, Sample, judge

START = Sample(
    seconds=0.0, escrows_ended=0, escrows_open=15, rss_mib=120.0, files=60, threads=20,
    connections=6, due=20, planned=40, late=0, failing=0,
)  # fmt: skip
CLEAN = Leftovers(open_escrows=0, due_work=0, failing_work=0, agents_lost=0)


def samples() -> list[Sample]:
    """A coordinator that warms up, and then holds what it has."""
    return [
        replace(START, seconds=2.0 * n, escrows_ended=20 * n, rss_mib=min(120.0 + n, 145.0))
        for n in range(100)
    ]


def test_what_fills_while_it_warms_up_is_no_leak() -> None:
    verdict = judge(samples(), CLEAN)

    assert verdict.finding is Finding.FLAT
    assert set(verdict.growths) == {"rss_mib", "files", "threads", "connections", "due"}


def test_a_connection_that_each_tenth_escrow_leaves_open_is_found() -> None:
    leaky = [replace(one, connections=6 + one.escrows_ended // 10) for one in samples()]

    verdict = judge(leaky, CLEAN)

    assert verdict.growths["connections"].finding is Finding.LEAK
    assert verdict.finding is Finding.LEAK


def test_a_soak_that_was_too_short_passes_nothing() -> None:
    assert EXIT_STATUS[judge(samples()[:20], CLEAN).finding] == 2
    assert EXIT_STATUS[judge([], CLEAN).finding] == 2
