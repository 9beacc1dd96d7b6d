"""The harness's end of the line: every process under fault stops here and is told what to do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.faults.stopping import ASIDE, LOSE
from tests.faults.ways import Way


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A place in one process: ``keying key_exchange 2: after wallet make_multisig``."""

    who: str
    name: str

    @property
    def step(self) -> str:
        """The step of the protocol that it belongs to."""
        return self.name.partition(": ")[0]

    @property
    def is_aside(self) -> bool:
        """Whether it serves no escrow in particular."""
        return self.step == ASIDE

    def __str__(self) -> str:
        return f"{self.who} @ {self.name}"

    @classmethod
    def read(cls, text: str) -> Point:
        """The opposite of ``str``."""
        who, _, name = text.partition(" @ ")
        return cls(who, name)


@dataclass(frozen=True, slots=True, order=True)
class Kill:
    """One process ended at one point, in an escrow that goes this way."""

    point: Point
    victim: str
    way: Way = Way.RELEASE

    def __str__(self) -> str:
        return f"{self.victim} killed at {self.point} ({self.way.value})"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A process that stands at a point, and waits."""

    point: Point
    pid: int


class Strikes(Protocol):
    """Who kills."""

    def await_victim(self, kill: Kill) -> None:
        """Wait until a victim that is being started runs."""

    def strike(self, kill: Kill, stopped: Stopped) -> str | None:
        """End the victim; the word for the process that stands at the point.

        None if nobody was killed: the victim is down, or it isn't what stands there any more.
        """


@dataclass
class Watch:
    """What one run saw and did."""

    kills: list[Kill]
    seen: dict[Point, None] = field(default_factory=dict)
    struck: list[Kill] = field(default_factory=list)
    claimed: list[Kill] = field(default_factory=list)
    """Kills that a process stands at the point of, and that aren't made yet."""
    escrow_id: str | None = None


class Switchboard:
    """Listens on a Unix socket. Between ``watch`` and ``forget`` it knows one escrow."""

    def __init__(self, path: Path, strikes: Strikes) -> None:
        """Nobody is listened to before ``open``."""
        self.path = path
        self._strikes = strikes
        self._listener = socket.socket(socket.AF_UNIX)
        self._lock = threading.Lock()
        self._one_at_a_time = threading.RLock()
        self._old: set[str] = set()
        self._watch: Watch | None = None

    def open(self) -> None:
        """Listen, until ``close``."""
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._listen, name="switchboard", daemon=True).start()

    def close(self) -> None:
        """Whoever stands at a point, goes on."""
        self._listener.close()

    def watch(self, kills: Iterable[Kill]) -> Watch:
        """From now on: the next new escrow, and these kills."""
        with self._lock:
            self._watch = Watch(list(kills))
            return self._watch

    def forget(self) -> None:
        """The escrow is over; nothing is killed any more."""
        with self._lock:
            if self._watch is not None and self._watch.escrow_id is not None:
                self._old.add(self._watch.escrow_id)
            self._watch = None

    @property
    def peace(self) -> threading.RLock:
        """Hold it, and nobody is killed or being revived meanwhile."""
        return self._one_at_a_time

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line:
            words = json.loads(line.makefile().readline() or "{}")
            if not words:
                return
            stopped = Stopped(Point(words["who"], words["point"]), words["pid"])
            word = self._word_for(stopped, words["escrow"])
            try:
                line.sendall(word.encode() + b"\n")
            except OSError:
                # It was the one that was killed.
                return

    def _word_for(self, stopped: Stopped, escrow_id: str | None) -> str:
        claim = self._claim(stopped.point, escrow_id)
        if claim is None:
            return "go"
        watch, kill = claim
        # Not with the lock: who is being started may itself stand at a point.
        self._strikes.await_victim(kill)
        with self._one_at_a_time:
            word = None
            if self._is_watching(watch):
                word = self._strikes.strike(kill, stopped)
            with self._lock:
                watch.claimed.remove(kill)
                if word is not None:
                    watch.struck.append(kill)
        return "go" if word is None else word

    def _is_watching(self, watch: Watch) -> bool:
        with self._lock:
            return self._watch is watch

    def _claim(self, point: Point, escrow_id: str | None) -> tuple[Watch, Kill] | None:
        with self._lock:
            watch = self._watch
            if watch is None or escrow_id in self._old:
                return None
            if escrow_id is not None:
                if watch.escrow_id is None:
                    watch.escrow_id = escrow_id
                if escrow_id != watch.escrow_id:
                    return None
            watch.seen.setdefault(point)
            for kill in watch.kills:
                if kill.point == point and kill not in (*watch.struck, *watch.claimed):
                    watch.claimed.append(kill)
                    return watch, kill
            return None


__all__ = ["LOSE", "Kill", "Point", "Stopped", "Strikes", "Switchboard", "Watch"]
