"""An admin asks an agent to try again; it looks, and says what it found."""

from __future__ import annotations

from typing import cast

from tripartite.agent.coordinator_client import CoordinatorRefused, CoordinatorUnreachable
from tripartite.agent.doctor import Ailment, Finding, Remedy
from tripartite.agent.event_stream import read_events
from tripartite.agent.journal import StoredCase
from tripartite.agent.retrying import NOT_MINE, Retries

ESCROW = "5e" * 16


class Worker:
    """A reconciler that notes what it was asked."""

    def __init__(self) -> None:
        self.looked: list[str] = []

    def reconcile(self, escrow_id: str) -> float | None:
        self.looked.append(escrow_id)
        return None

    def try_again(self, escrow_id: str) -> None:
        self.looked.append(f"afresh {escrow_id}")


class Coordinator:
    """Takes answers, or fails once in the way it is told."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.error: Exception | None = None

    def answer(self, number: int, result: str) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error
        self.answers.append((number, result))


BEHIND = Finding(Ailment.WALLET_BEHIND, Remedy.WAIT, "It is catching up.")


def retries(
    worker: Worker, coordinator: Coordinator, *findings: Finding, known: bool = True
) -> Retries:
    case = cast("StoredCase", object()) if known else None
    return Retries(
        worker,
        case=lambda _: case,
        doctor=lambda _: findings or (BEHIND,),
        answer=coordinator.answer,
    )


def test_a_request_in_the_events_names_the_escrow_and_the_number_to_answer_to() -> None:
    batch = read_events(
        [
            {
                "cursor": 7,
                "type": "TransactionRetryRequested",
                "escrow_id": ESCROW,
                "data": {"action_id": 3, "status": "releasing"},
            }
        ]
    )

    assert batch.retries == [(ESCROW, 3)]
    assert batch.touched == {ESCROW}


def test_the_escrow_is_looked_at_afresh_before_the_answer_is_given_once() -> None:
    worker, coordinator = Worker(), Coordinator()
    asked = retries(worker, coordinator)
    asked.ask([(ESCROW, 3)])

    asked.reconcile(ESCROW)
    asked.reconcile(ESCROW)

    assert worker.looked == [f"afresh {ESCROW}", ESCROW, ESCROW]
    assert coordinator.answers == [(3, "wallet_behind")]


def test_an_answer_that_nobody_could_take_is_given_later() -> None:
    worker, coordinator = Worker(), Coordinator()
    coordinator.error = CoordinatorUnreachable("Later.")
    asked = retries(worker, coordinator)
    asked.ask([(ESCROW, 3)])

    assert asked.reconcile(ESCROW) == 30.0

    asked.reconcile(ESCROW)
    assert coordinator.answers == [(3, "wallet_behind")]


def test_an_answer_that_is_refused_is_not_given_again() -> None:
    worker, coordinator = Worker(), Coordinator()
    coordinator.error = CoordinatorRefused("No.", reason="recovery_action_unknown")
    asked = retries(worker, coordinator)
    asked.ask([(ESCROW, 3)])
    asked.reconcile(ESCROW)

    asked.reconcile(ESCROW)

    assert coordinator.answers == []


def test_an_escrow_that_this_agent_lacks_is_answered_too() -> None:
    worker, coordinator = Worker(), Coordinator()
    asked = retries(worker, coordinator, known=False)
    asked.ask([(ESCROW, 3)])

    asked.reconcile(ESCROW)

    assert coordinator.answers == [(3, NOT_MINE)]


def test_what_a_person_can_do_something_about_comes_before_what_mends_itself() -> None:
    worker, coordinator = Worker(), Coordinator()
    stale = Finding(Ailment.IMPORT_NEEDED, Remedy.RESTART, "Both export afresh.")
    turn = Finding(Ailment.OTHERS_TURN, Remedy.ASK, "The vendor has to sign.")
    asked = retries(worker, coordinator, stale, turn)
    asked.ask([(ESCROW, 3)])

    asked.reconcile(ESCROW)

    assert coordinator.answers == [(3, "others_turn")]
