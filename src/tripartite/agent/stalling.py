"""Steps that were refused: each waits for news instead of being tried again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tripartite.agent.journal import StoredCase
from tripartite.protocol.next_step import Doing, next_step

STALLED_SECONDS: Final = 60.0
"""After that a refused step is tried again even if nothing happened."""


@dataclass(frozen=True, slots=True)
class _Stall:
    position: int
    step: Doing | None
    until: float


class Stalls:
    """The refused step of each escrow, if it has one."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._stalls: dict[str, _Stall] = {}

    def stall(self, case: StoredCase) -> bool:
        """Let the present step wait; whether it is a new one."""
        step = next_step(case.record, case.role)
        before = self._stalls.get(case.escrow_id)
        until = self._monotonic() + STALLED_SECONDS
        self._stalls[case.escrow_id] = _Stall(case.position, step, until)
        return before is None or (before.position, before.step) != (case.position, step)

    def left(self, case: StoredCase, step: Doing) -> float:
        """Seconds that this step has to wait; not above 0 if it needn't."""
        stall = self._stalls.get(case.escrow_id)
        if stall is None or (stall.position, stall.step) != (case.position, step):
            return 0.0
        return stall.until - self._monotonic()

    def forget(self, escrow_id: str) -> None:
        """Nothing of it is refused any more."""
        self._stalls.pop(escrow_id, None)
