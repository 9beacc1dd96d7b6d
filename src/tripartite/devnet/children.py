"""Everything that was started, so that everything is ended, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar, Protocol, TypeVar

from tripartite.domain.errors import Refused


class DevnetEnding(Refused):
    """The devnet is being taken down; nothing is started any more."""

    code: ClassVar[str] = "devnet_ending"


class Child(Protocol):
    """Something that runs until it is stopped."""

    def stop(self) -> None:
        """End it in order."""


_Started = TypeVar("_Started", bound=Child)
_Result = TypeVar("_Result")


class Children:
    """Starts things side by side and keeps them, in waves. What starts too late is ended at once.

    A later wave needs the earlier ones, so it is ended first. Should we ourselves be killed, each
    child's guard ends it (``monero.supervision``).
    """

    def __init__(self) -> None:
        """None yet."""
        self._kept: dict[int, list[Child]] = {}
        self._lock = threading.Lock()
        self._ending = False
        # Starting is waiting, mostly; the daemons do the work.
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="devnet")

    def start(self, begin: Callable[[], _Started], *, wave: int) -> Future[_Started]:
        """Run ``begin`` beside us and keep what it returns."""
        return self._threads.submit(lambda: self.keep(begin(), wave=wave))

    def beside(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Run ``work`` beside us."""
        return self._threads.submit(work)

    def keep(self, child: _Started, *, wave: int) -> _Started:
        """Stop it when the devnet ends. Raises DevnetEnding, having stopped it, if that is now."""
        with self._lock:
            if not self._ending:
                self._kept.setdefault(wave, []).append(child)
                return child
        child.stop()
        raise DevnetEnding("Start another devnet.")

    def stop(self) -> None:
        """End everything, wave by wave, the latest first. Raises the first failure, at the end."""
        with self._lock:
            self._ending = True
            kept, self._kept = self._kept, {}
        failures: list[BaseException] = []
        for _, wave in sorted(kept.items(), reverse=True):
            ends = [self._threads.submit(child.stop) for child in wave]
            failures += [error for end in ends if (error := end.exception()) is not None]
        self._threads.shutdown(wait=True, cancel_futures=True)
        if failures:
            raise failures[0]
