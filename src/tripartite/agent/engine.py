"""One agent's work: events wake escrows, threads reconcile them, wallets are made ahead.

``Engine`` knows nothing of processes and sockets; ``party`` puts it together with the real ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from tripartite.agent.desk import Desk
from tripartite.agent.event_stream import Batch
from tripartite.agent.own_words import RESTORED_AT, has_gaps
from tripartite.agent.ports import Wallets
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.retrying import Retries
from tripartite.agent.scheduling import Scheduler
from tripartite.agent.wallet_book import WalletBook
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import Event, State, Teller, is_open

_QUIET_SECONDS: Final = 3.0
"""No wallet is made ahead while a key exchange may be between two of its rounds."""
_RETRY_SECONDS: Final = 30.0
_SHORT_WAIT: Final = 1.0

_RESTING: Final = tuple(
    state
    for state in State
    if any(
        is_open(state, event, by=Teller.WALLETS)
        for event in (
            Event.DEPOSIT_CONFIRMED,
            Event.DEPOSIT_VANISHED,
            Event.DEPOSIT_ARRIVED_LATE,
        )
    )
)
"""Where buyer and vendor watch the money and an arbiter rests."""


class Preparing:
    """One thread that keeps some wallets ready made, and one of them open."""

    def __init__(
        self,
        wallets: Wallets,
        book: WalletBook,
        *,
        target: int,
        until_idle: Callable[[float], bool],
        failed: Callable[[BaseException], None],
        quiet: float = _QUIET_SECONDS,
    ) -> None:
        """``until_idle`` waits at most so many seconds until no escrow is worked on.

        ``quiet`` seconds pass after a wallet was taken before another is made.
        """
        self._quiet = quiet
        self._wallets = wallets
        self._book = book
        self._target = target
        self._until_idle = until_idle
        self._failed = failed
        self._warm: str | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._last_take = 0.0
        self._full = False
        self._thread = threading.Thread(target=self._work, name="wallets", daemon=True)
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the wallet being made."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(60.0)

    def take_warm(self) -> str | None:
        """The name of the open wallet, for somebody who takes one now."""
        with self._changed:
            name, self._warm = self._warm, None
            self._last_take = time.monotonic()
            self._full = False
            self._changed.notify_all()
            return name

    def wait_until_ready(self, *, seconds: float) -> bool:
        """Block until the wallets are made and one is warm; for tests and benchmarks."""
        with self._changed:
            return self._changed.wait_for(lambda: self._full or self._stopping, seconds)

    def _work(self) -> None:
        try:
            while self._wait():
                try:
                    done = self._one_more()
                except TripartiteError as error:
                    self._log.warning("wallet_not_prepared", code=error.code)
                    with self._changed:
                        self._changed.wait_for(lambda: self._stopping, _RETRY_SECONDS)
                    continue
                with self._changed:
                    self._full = done and self._last_take + self._quiet < time.monotonic()
                    self._changed.notify_all()
        except BaseException as error:
            self._log.error("wallets_bug", error=type(error).__name__)
            self._failed(error)
            raise

    def _wait(self) -> bool:
        """Until there is something to do and it disturbs nobody; False when it is over."""
        with self._changed:
            while not self._stopping:
                left = self._last_take + self._quiet - time.monotonic()
                if self._full:
                    self._changed.wait()
                elif self._last_take and left > 0:
                    self._changed.wait(left)
                else:
                    break
            if self._stopping:
                return False
        self._until_idle(_RETRY_SECONDS)
        with self._changed:
            return not self._stopping

    def _one_more(self) -> bool:
        """Make a wallet or open one; whether everything is ready."""
        ready = self._book.prepared()
        if len(ready) < self._target:
            ref = self._wallets.new_ref()
            self._book.note(ref)
            self._wallets.make(ref)
            self._book.made(ref.name)
            self._log.info("wallet_prepared", ready=len(ready) + 1)
            return False
        if ready and self._warm not in ready:
            if not self._wallets.warm(self._book.ref(ready[0])):
                # Every slot is busy; there is no hurry.
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, _SHORT_WAIT)
                return False
            with self._changed:
                self._warm = ready[0]
        return True


@dataclass(frozen=True, slots=True)
class Engine:
    """The threads of one agent. Without ``retries`` it answers no admin."""

    desk: Desk
    reconciler: Reconciler
    scheduler: Scheduler
    preparing: Preparing
    retries: Retries | None = None

    def start(self) -> None:
        """Take up everything that was left, then wait for news."""
        journal, book = self.desk.journal, self.desk.book
        book.forget_half_made()
        for case in journal.cases() if journal.setting(RESTORED_AT) else ():
            if has_gaps(journal, case.escrow_id):
                self.desk.cases.mark_behind(case.escrow_id)
        work = self.reconciler if self.retries is None else self.retries
        self.scheduler.start(work.reconcile)
        self.scheduler.wake(journal.escrows_at_work(closed=(), resting=_RESTING))
        self.scheduler.wake(journal.escrows_with_unanswered())
        self.poke()
        self.preparing.start()

    def stop(self) -> None:
        """Finish running calls, begin nothing new."""
        self.scheduler.stop()
        self.preparing.stop()

    def receive(self, batch: Batch) -> None:
        """News from the coordinator: judge and store them, wake whom they concern."""
        moved = self.desk.cases.receive(batch.messages, cursor=batch.cursor)
        for escrow_id in batch.touched:
            self.reconciler.look_now(escrow_id)
        if self.retries is not None:
            self.retries.ask(batch.retries)
        self.scheduler.wake(moved | batch.touched)

    def stirred(self, block: bool) -> None:
        """The own node shows another block, or another pool."""
        self.scheduler.wake(self.reconciler.stir(block=block))

    def poke(self) -> None:
        """The human may have decided something, or wants to know."""
        asked = self.reconciler.asked()
        self.scheduler.wake(asked.union(self.desk.decisions.escrows_with_intents()))
