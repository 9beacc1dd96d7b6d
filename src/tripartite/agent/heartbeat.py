"""Tells the coordinator once a minute that this agent is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from tripartite.domain.errors import Refused, Unavailable

EVERY_SECONDS: Final = 60.0


class Heartbeat:
    """One thread that speaks up until it is stopped."""

    def __init__(
        self,
        beat: Callable[[], None],
        *,
        failed: Callable[[BaseException], None],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._beat = beat
        self._failed = failed
        self._every = every
        self._log = structlog.get_logger()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._speak_up, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, with a first sign of life at once."""
        self._thread.start()

    def stop(self) -> None:
        """Fall silent."""
        self._stopping.set()
        self._thread.join(10.0)

    def _speak_up(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._beat()
                except (Unavailable, Refused) as error:
                    # An older coordinator doesn't know heartbeats; nothing else depends on them.
                    self._log.info("heartbeat_unheard", code=error.code)
                self._stopping.wait(self._every)
        except BaseException as error:
            self._log.error("heartbeat_bug", error=type(error).__name__)
            self._failed(error)
            raise
