"""Who may look at the page: one-time links, sessions, and the token that each form carries.

A link's secret lies in the agent's home, where only its owner can write: whoever can make one
could read everything there anyway. It is removed when it is used, and too old after ten minutes.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tripartite.domain.errors import Refused

_LINK_SECONDS: Final = 600.0
_SESSION_SECONDS: Final = 12 * 3600.0
_MOST_SESSIONS: Final = 16

_ORIGIN_FILE: Final = "page.origin"
_LINK_FILE: Final = "page.link"


class PageNotRunning(Refused):
    """No agent shows a page from this home."""

    code: ClassVar[str] = "page_not_running"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that came in through a link. ``csrf`` is what its forms carry."""

    id: str
    csrf: str
    ends_at: float

    def __repr__(self) -> str:
        return "Session(…)"


class Doors:
    """Lets browsers in. Sessions are in memory: when the agent ends, all are over."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def enter(self, given: str) -> Session | None:
        """A new session for the secret of the last link, which works this once."""
        with self._lock:
            link = self._home / _LINK_FILE
            try:
                age = time.time() - link.stat().st_mtime
                expected = link.read_text(encoding="ascii").strip()
            except OSError:
                return None
            if not given or not hmac.compare_digest(given.encode(), expected.encode()):
                return None
            link.unlink(missing_ok=True)
            if age > _LINK_SECONDS:
                return None
            fresh = Session(
                secrets.token_urlsafe(32),
                secrets.token_urlsafe(32),
                time.monotonic() + _SESSION_SECONDS,
            )
            while len(self._sessions) >= _MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[fresh.id] = fresh
            return fresh

    def session(self, cookie: str) -> Session | None:
        """The session behind a cookie, while it lasts."""
        with self._lock:
            found = self._sessions.get(cookie)
            if found is not None and found.ends_at < time.monotonic():
                del self._sessions[cookie]
                return None
            return found

    def leave(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session.id, None)


def announce(home: Path, origin: str) -> None:
    """Note where the page is, for ``new_link``."""
    _write(home / _ORIGIN_FILE, origin)


def retract(home: Path) -> None:
    """The page is gone, and so is any link to it."""
    (home / _ORIGIN_FILE).unlink(missing_ok=True)
    (home / _LINK_FILE).unlink(missing_ok=True)


def new_link(home: Path) -> str:
    """A fresh link into the page of the agent that runs in ``home``; the last one stops working.

    Raises ``PageNotRunning``.
    """
    try:
        origin = (home / _ORIGIN_FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise PageNotRunning("Start it: `tripartite agent run`, without --no-page.") from error
    secret = secrets.token_urlsafe(24)
    _write(home / _LINK_FILE, secret)
    return f"{origin}/enter?link={secret}"


def _write(path: Path, text: str) -> None:
    half = path.with_name(f"{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    half.replace(path)
