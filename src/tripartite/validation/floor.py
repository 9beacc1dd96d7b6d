"""The floor on which escrows are traded: what the coordinator told, and what each agent knows.

One thread follows the event log; whoever waits for a fact looks at what it has read. Agents are
looked at through their journals, as ``tripartite agent status`` does, one escrow at a time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ClassVar, Final, Self, TypeVar

from tripartite.agent.home import look_into
from tripartite.agent.journal import Journal, StoredCase
from tripartite.agent.wallet_book import WalletBook
from tripartite.devnet.api import Api, CoordinatorRefused
from tripartite.devnet.ground import Ground
from tripartite.devnet.waiting import Fact, FactNeverCame, until
from tripartite.domain.errors import Unavailable
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.validation.story import Story, read_event

_FOLLOW_SECONDS: Final = 0.25
_POLL_SECONDS: Final = 0.1
_AGAIN: Final = "Start it again; nothing of it is left running."

Say = Callable[[str], None]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class ValidationInterrupted(Unavailable):
    """The validation was interrupted."""

    code: ClassVar[str] = "validation_interrupted"


class Floor:
    """What all escrows of a validation share. ``with Floor(…) as floor: …``."""

    def __init__(self, ground: Ground, *, patience: float, say: Say) -> None:
        """``patience`` is the longest time, in seconds, that one fact may take."""
        self.ground = ground
        self.say = say
        self._patience = patience
        # Each command is a program that starts; more at once than cores only make all of them slow.
        self.hands = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._stories: dict[str, Story] = defaultdict(Story)
        self._journals: Mapping[Role, Journal] = {}
        self._api: Api | None = None
        self._over = threading.Event()
        self._gate = threading.Lock()
        self._lock = threading.Lock()
        self._follower = threading.Thread(target=self._follow, name="follower", daemon=True)

    def __enter__(self) -> Self:
        parties = self.ground.community.parties
        self._journals = {role: look_into(party.home) for role, party in parties.items()}
        self._api = parties[Role.BUYER].api()
        self._follower.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._follower.join()
        self.api.close()
        for journal in self._journals.values():
            journal.close()

    @property
    def api(self) -> Api:
        """The coordinator, as the buyer."""
        assert self._api is not None, "inside its with block"
        return self._api

    def story(self, escrow_id: str) -> Story:
        """What was told of an escrow so far."""
        with self._lock:
            return Story(list(self._stories[escrow_id].told))

    def state(self, escrow_id: str) -> State | None:
        """Where it stands, for the coordinator."""
        return self.story(escrow_id).state

    def case(self, role: Role, escrow_id: str) -> StoredCase | None:
        """What this party's agent knows of an escrow."""
        return self._journals[role].case(escrow_id)

    def stands(self, role: Role, escrow_id: str) -> State | None:
        """Where an escrow stands, for this party's agent."""
        case = self.case(role, escrow_id)
        return None if case is None else case.record.state

    def until(self, fact: Fact, what: str, *, patience: float | None = None) -> None:
        """Wait for a fact. Raises FactNeverCame, ValidationInterrupted."""

        def told() -> bool:
            if self._over.is_set():
                raise ValidationInterrupted(_AGAIN)
            return fact()

        until(told, seconds=patience or self._patience, what=what, poll_seconds=_POLL_SECONDS)

    def wallets_ready(self) -> int:
        """How many wallets each agent has made ahead, at the least."""
        return min(
            len(WalletBook(journal, run_id="").prepared()) for journal in self._journals.values()
        )

    def wait_for_wallets(self, count: int, *, seconds: float) -> None:
        """Return when each agent has so many wallets made ahead, or after so many seconds.

        As in life, where escrows don't come faster than agents find time in between. A wallet that
        is only made when it is needed costs three times the work.
        """
        with self._gate, contextlib.suppress(FactNeverCame):
            self.until(lambda: self.wallets_ready() >= count, "wallets", patience=seconds)

    def wait_for_moment(self, moment: float) -> None:
        """Return at ``moment``, of ``time.monotonic``; at once if it is over.

        Raises ValidationInterrupted.
        """
        if self._over.wait(max(moment - time.monotonic(), 0.0)):
            raise ValidationInterrupted(_AGAIN)

    def side_by_side(
        self, work: Callable[[_Item], _Result], items: Iterable[_Item], *, at_once: int
    ) -> list[_Result]:
        """Work on all items, so many at once. After Ctrl-C nobody waits for anything any more."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="escrow") as pool:
            try:
                return list(pool.map(work, items))
            except BaseException:
                self._over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _follow(self) -> None:
        cursor = 0
        while not self._over.wait(_FOLLOW_SECONDS):
            try:
                events, cursor = self.api.events(after=cursor)
            except (Unavailable, CoordinatorRefused):
                continue  # it is being started again; nothing in the log is lost
            with self._lock:
                for event in events:
                    self._stories[str(event["escrow_id"])].told.append(read_event(event))
