"""Stories about background work: looked at once, by one, and never forgotten."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.contract.kit import at_once
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import Lease, LeaseLost
from tripartite.coordinator.work.runner import Again, Runner
from tripartite.domain.errors import Unavailable

MINUTE = timedelta(minutes=1)


class OutOfReach(Unavailable):
    """What the work needs is away."""

    code = "test_out_of_reach"


def wake(*keys: str, later: timedelta = timedelta()) -> None:
    for key in keys:
        with write_transaction():
            queue.wake(key, at=now() + later)


def taken() -> Lease:
    lease = queue.take(at=now())
    assert lease is not None
    return lease


def test_wake_ups_before_a_look_are_one_look(database: str) -> None:
    wake("a:1", "a:1", "a:1")

    queue.finish(taken(), again_at=None)

    assert queue.take(at=now()) is None


def test_a_wake_up_during_a_look_causes_one_more(database: str) -> None:
    wake("a:1")
    lease = taken()
    wake("a:1")
    assert queue.take(at=now()) is None, "one runner at a time"

    queue.finish(lease, again_at=None)

    assert taken().key == "a:1"


def test_an_early_wake_up_moves_the_due_time_forward_only(database: str) -> None:
    wake("a:1", later=MINUTE)
    assert queue.take(at=now()) is None
    wake("a:1")
    wake("a:1", later=MINUTE)

    assert taken().key == "a:1"


def test_the_longest_overdue_comes_first(database: str) -> None:
    wake("a:late", later=-MINUTE)
    wake("a:later", later=-2 * MINUTE)

    assert [taken().key, taken().key] == ["a:later", "a:late"]


def test_the_next_due_time_is_that_of_the_earliest_key_that_nobody_holds(database: str) -> None:
    assert queue.next_due() is None
    wake("a:held", later=-MINUTE)
    taken()
    wake("a:late", later=MINUTE)
    wake("a:later", later=2 * MINUTE)

    due = queue.next_due()

    assert due is not None
    assert timedelta(seconds=30) < due - now() <= MINUTE


def test_many_runners_never_take_the_same_key(database: str) -> None:
    wake(*(f"a:{number}" for number in range(40)))

    def take_all() -> list[str]:
        keys = []
        while (lease := queue.take(at=now())) is not None:
            keys.append(lease.key)
        return keys

    taken_by = at_once([take_all] * 5)

    keys = [key for keys in taken_by for key in keys]
    assert sorted(keys) == sorted(f"a:{number}" for number in range(40))


def test_the_work_of_a_killed_runner_is_taken_over(database: str) -> None:
    """The dead one, should it come back, can't write anything any more."""
    wake("a:1")
    dead = taken()
    after_its_lease = now() + queue.LEASE + MINUTE

    heir = queue.take(at=after_its_lease)

    assert heir is not None
    assert heir.epoch > dead.epoch
    with pytest.raises(LeaseLost), queue.fenced(dead):
        wake("a:written-by-the-dead")
    assert not WorkItem.objects.filter(key="a:written-by-the-dead").exists()
    with pytest.raises(LeaseLost):
        queue.finish(dead, again_at=None)
    queue.finish(heir, again_at=None)


def test_failures_back_off_are_counted_and_forgiven(database: str) -> None:
    wake("a:1")
    pauses = []
    at = now()
    for _ in range(3):
        lease = queue.take(at=at)
        assert lease is not None
        queue.fail(lease, at=at, error="node_unreachable")
        due = WorkItem.objects.get(key="a:1").due
        assert due is not None
        pauses.append(round((due - at).total_seconds()))
        at = due

    row = WorkItem.objects.get(key="a:1")
    assert (pauses, row.failures, row.last_error) == ([1, 2, 4], 3, "node_unreachable")
    lease = queue.take(at=at)
    assert lease is not None
    queue.finish(lease, again_at=None)
    assert WorkItem.objects.get(key="a:1").failures == 0


def test_a_runner_survives_what_breaks_and_goes_on_with_the_rest(database: str) -> None:
    looked_at: list[str] = []

    def look(lease: Lease) -> Again | None:
        looked_at.append(lease.key)
        if lease.key == "a:away":
            raise OutOfReach("Later.")
        if lease.key == "a:broken":
            raise ZeroDivisionError
        return Again(MINUTE) if lease.key == "a:again" else None

    wake("a:away", "a:broken", "a:again", "a:done", "unknown:1")
    runner = Runner({"a:": look})
    while runner.step():
        pass

    rows = {row.key: row for row in WorkItem.objects.all()}
    assert sorted(looked_at) == ["a:again", "a:away", "a:broken", "a:done"]
    assert rows["a:away"].last_error == "test_out_of_reach"
    assert rows["a:broken"].last_error == "ZeroDivisionError"
    assert rows["unknown:1"].last_error == "work_unknown"
    assert rows["a:done"].due is None
    again = rows["a:again"].due
    assert again is not None
    assert again > now()


def test_an_idle_runner_knows_when_the_next_work_is_due(database: str) -> None:
    wake("a:1", later=MINUTE)
    wake("a:2", later=2 * MINUTE)
    with write_transaction():
        queue.wake("b:1", at=now(), pool="elsewhere")

    due = queue.next_due()

    assert due is not None
    assert timedelta() < due - now() <= MINUTE
    assert queue.take(at=now()) is None, "what another pool does is none of its business"
    other = queue.take(at=now(), pool="elsewhere")
    assert other is not None
    assert other.key == "b:1"


def test_what_is_used_by_one_at_a_time_is_seized_renewed_and_given_back(database: str) -> None:
    lease = queue.seize("endpoint:1", at=now())
    assert lease is not None
    assert queue.seize("endpoint:1", at=now()) is None

    queue.renew(lease, until=now() + MINUTE)
    queue.release(lease)

    heir = queue.seize("endpoint:1", at=now())
    assert heir is not None
    assert heir.epoch == lease.epoch + 1
    with pytest.raises(LeaseLost):
        queue.renew(lease, until=now() + MINUTE)
    queue.release(lease)
    assert queue.seize("endpoint:1", at=now()) is None, "a late release changes nothing"
    assert queue.take(at=now()) is None, "nothing to be done by itself"


def test_an_idle_runner_hears_of_new_work(database: str) -> None:
    heard = threading.Event()

    def look(lease: Lease) -> None:
        heard.set()

    runner = Runner({"a:": look})
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        wake("a:1")
        assert heard.wait(timeout=30)
    finally:
        runner.stop()
        thread.join(timeout=30)
