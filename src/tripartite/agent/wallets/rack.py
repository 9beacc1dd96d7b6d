"""Which slot serves which wallet, and who waits.

The slot that has the wallet is used, else an idle one, else the caller waits. No wallet is ever
open in two processes: from the moment a slot is taken for a wallet, all who want it wait for that
slot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tripartite.agent.wallets.records import PoolStopped, SlotsTaken
from tripartite.agent.wallets.slots import Slot
from tripartite.domain.errors import TripartiteError
from tripartite.monero.errors import RpcAnswerUnreadable, RpcOutcomeUnknown, RpcUnreachable

# After these it is not known what the process did, or whether it still runs.
_LOST: Final = (RpcOutcomeUnknown, RpcUnreachable, RpcAnswerUnreadable)


class Rack:
    """The slots of one pool, for any number of threads. Closed until ``open_up``."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = tuple(slots)
        self._open = False
        self._changed = threading.Condition()

    def open_up(self) -> None:
        """Let callers in."""
        with self._changed:
            self._open = True

    def close(self, *, seconds: float) -> None:
        """Let nobody in any more, and wait a while until those inside have gone."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: not any(s.busy for s in self.slots), timeout=seconds)

    @contextmanager
    def use(self, name: str) -> Iterator[Slot]:
        """The slot that serves the wallet, as soon as it is free. Raises PoolStopped."""
        with self._changed:
            while (slot := self._for_use(name)) is None:
                self._changed.wait()
            self._take(slot, name)
        with self._using(slot):
            yield slot

    @contextmanager
    def use_idle(self, name: str) -> Iterator[Slot | None]:
        """A slot to warm the wallet in, if there is one with nothing to do. Raises PoolStopped."""
        with self._changed:
            slot = self._for_warming(name)
            if slot is not None:
                self._take(slot, name)
        if slot is None:
            yield None
            return
        with self._using(slot):
            yield slot

    @contextmanager
    def use_patiently(self, name: str) -> Iterator[Slot]:
        """A slot for a look that can be had later: nobody waits, no key exchange gives way.

        Raises SlotsTaken, PoolStopped.
        """
        with self._changed:
            slot = self._for_looking(name)
            if slot is None:
                raise SlotsTaken("Look again later.")
            self._take(slot, name)
        with self._using(slot):
            yield slot

    def require_open(self) -> None:
        """Raises PoolStopped."""
        if not self._open:
            raise PoolStopped("Start the agent, or wait until it has started.")

    @contextmanager
    def _using(self, slot: Slot) -> Iterator[None]:
        """Give a taken slot back; after a lost answer or an interruption it is not trusted."""
        known = False
        try:
            yield
            known = True
        except TripartiteError as error:
            known = not isinstance(error, _LOST)
            raise
        finally:
            if not known:
                slot.distrust()
            slot.settle()
            with self._changed:
                slot.busy = False
                self._changed.notify_all()

    @staticmethod
    def _take(slot: Slot, name: str) -> None:
        slot.busy = True
        slot.may_hold.add(name)

    def _for_use(self, name: str) -> Slot | None:
        """The free slot to use; None means wait."""
        self.require_open()
        holders = [slot for slot in self.slots if name in slot.may_hold]
        # An empty one; else the one used longest ago, but a warm wallet and one in the middle of
        # its key exchange are kept while there is another.
        return _least(
            holders or self.slots,
            lambda slot: (len(slot.may_hold), slot.in_ceremony, slot.warm, slot.last_used),
        )

    def _for_looking(self, name: str) -> Slot | None:
        """The slot that has the wallet, else the one used longest ago without a key exchange.

        Where there is only one slot, all take turns: else one stalled key exchange would keep every
        deposit from being seen.
        """
        self.require_open()
        holders = [slot for slot in self.slots if name in slot.may_hold]
        calm = [slot for slot in self.slots if not slot.in_ceremony or len(self.slots) == 1]
        return _least(
            holders or calm,
            lambda slot: (len(slot.may_hold), slot.warm, slot.last_used),
        )

    def _for_warming(self, name: str) -> Slot | None:
        """The free slot to warm a wallet in: the one of the former warm wallet, or an empty one.

        Never one that is in the middle of a key exchange, except the wallet's own.
        """
        self.require_open()
        holders = [slot for slot in self.slots if name in slot.may_hold]
        return _least(
            holders or [slot for slot in self.slots if not slot.in_ceremony],
            lambda slot: (not slot.warm, len(slot.may_hold), slot.last_used),
        )


def _least(slots: Sequence[Slot], key: Callable[[Slot], tuple[float, ...]]) -> Slot | None:
    return min((slot for slot in slots if not slot.busy), key=key, default=None)
