"""Threads over escrows: nothing twice at once, nothing missed, nothing for the idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tripartite.agent.scheduling import Handler, Scheduler

SECONDS = 10.0


class Bug(Exception):
    pass


@contextmanager
def running(handler: Handler, *, workers: int = 2) -> Iterator[Scheduler]:
    failures: list[BaseException] = []
    scheduler = Scheduler(workers=workers, failed=failures.append)
    scheduler.start(handler)
    yield scheduler
    scheduler.stop(seconds=SECONDS)
    assert failures == []


def test_what_is_woken_is_worked_on_and_the_rest_is_not() -> None:
    worked: list[str] = []

    with running(worked.append) as scheduler:
        scheduler.wake(["a", "b"])
        assert scheduler.wait_until_idle(seconds=SECONDS)

    assert sorted(worked) == ["a", "b"]


def test_many_wake_ups_make_one_run() -> None:
    gate, worked = threading.Event(), []

    def work(escrow_id: str) -> None:
        gate.wait(SECONDS)
        worked.append(escrow_id)

    with running(work, workers=1) as scheduler:
        scheduler.wake(["busy"])
        for _ in range(50):
            scheduler.wake(["a"])
        gate.set()
        assert scheduler.wait_until_idle(seconds=SECONDS)

    assert worked == ["busy", "a"]


def test_news_during_a_run_makes_another_run_and_never_two_at_once() -> None:
    inside, gate = threading.Event(), threading.Event()
    together, most, runs = 0, 0, 0
    lock = threading.Lock()

    def work(escrow_id: str) -> None:
        nonlocal together, most, runs
        with lock:
            together, runs = together + 1, runs + 1
            most = max(most, together)
        inside.set()
        gate.wait(SECONDS)
        with lock:
            together -= 1

    with running(work, workers=4) as scheduler:
        scheduler.wake(["a"])
        assert inside.wait(SECONDS)
        scheduler.wake(["a"])
        scheduler.wake(["a"])
        gate.set()
        assert scheduler.wait_until_idle(seconds=SECONDS)

    assert (most, runs) == (1, 2)


def test_a_run_that_asks_for_another_gets_it_in_time() -> None:
    again = threading.Event()
    pauses: list[float | None] = [0.01, None]

    def work(escrow_id: str) -> float | None:
        pause = pauses.pop(0)
        if pause is None:
            again.set()
        return pause

    with running(work) as scheduler:
        scheduler.wake(["a"])
        assert again.wait(SECONDS)


def test_a_wake_up_overtakes_an_appointment() -> None:
    runs: list[str] = []
    second = threading.Event()

    def work(escrow_id: str) -> float | None:
        runs.append(escrow_id)
        if len(runs) == 2:
            second.set()
        return 3_600.0

    with running(work) as scheduler:
        scheduler.wake(["a"])
        assert scheduler.wait_until_idle(seconds=SECONDS)
        scheduler.wake(["a"])
        assert second.wait(SECONDS)

    assert runs == ["a", "a"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_step_ends_the_process_instead_of_being_passed_over() -> None:
    failures: list[BaseException] = []
    failed = threading.Event()

    def fail(error: BaseException) -> None:
        failures.append(error)
        failed.set()

    def work(escrow_id: str) -> None:
        raise Bug

    scheduler = Scheduler(workers=1, failed=fail)
    scheduler.start(work)
    scheduler.wake(["a"])

    assert failed.wait(SECONDS)
    scheduler.stop(seconds=SECONDS)
    assert isinstance(failures[0], Bug)
