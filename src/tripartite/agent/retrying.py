"""An admin asks that a payout be tried again: look at everything afresh, and say what was found.

The coordinator can only ask. What is done is what this agent would do by itself: look at the chain,
send what was signed, begin a round anew where that is safe. Nothing is signed because of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from tripartite.agent.doctor import Finding, Remedy
from tripartite.agent.journal import StoredCase
from tripartite.domain.errors import Refused, Unavailable

_AGAIN_SECONDS: Final = 30.0
NOT_MINE: Final = "not_mine"


class Reconciles(Protocol):
    """What works on escrows."""

    def reconcile(self, escrow_id: str) -> float | None: ...

    def try_again(self, escrow_id: str) -> None: ...


class Retries:
    """Stands before the reconciler and answers once an escrow that was asked about was looked at."""

    def __init__(
        self,
        reconciler: Reconciles,
        *,
        case: Callable[[str], StoredCase | None],
        doctor: Callable[[StoredCase], Sequence[Finding]],
        answer: Callable[[int, str], None],
    ) -> None:
        self._reconciler = reconciler
        self._case = case
        self._doctor = doctor
        self._answer = answer
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()
        self._log = structlog.get_logger()

    def ask(self, asked: Sequence[tuple[str, int]]) -> None:
        """Requests that came in; the latest of an escrow is the one answered."""
        for escrow_id, number in asked:
            self._reconciler.try_again(escrow_id)
            with self._lock:
                self._asked[escrow_id] = number

    def reconcile(self, escrow_id: str) -> float | None:
        """Work on the escrow, then answer; seconds until it should be called again."""
        pause = self._reconciler.reconcile(escrow_id)
        with self._lock:
            number = self._asked.get(escrow_id)
        if number is None:
            return pause
        case = self._case(escrow_id)
        result = NOT_MINE if case is None else _told(self._doctor(case)).ailment.value
        try:
            self._answer(number, result)
        except Unavailable:
            return _AGAIN_SECONDS if pause is None else min(pause, _AGAIN_SECONDS)
        except Refused as error:
            # It was asked of somebody else, or the case is closed: nobody waits for the answer.
            self._log.info("retry_answer_refused", code=error.code)
        self._log.info("retry_answered", result=result)
        with self._lock:
            if self._asked.get(escrow_id) == number:
                del self._asked[escrow_id]
        return pause


def _told(findings: Sequence[Finding]) -> Finding:
    """Of all that is wrong, the first that doesn't mend itself: that is what an admin can act on."""
    by_hand = (Remedy.MEND, Remedy.LOOK, Remedy.ASK)
    return next((one for one in findings if one.remedy in by_hand), findings[0])
