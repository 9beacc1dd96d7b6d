"""Notes when an agent does what: its calls to wallets and coordinator, its sealing and storing.

The methods of the classes that do these things are wrapped; everything else is the agent as it is.
A note costs some microseconds, so every measured set-up is a recorded one.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tripartite.agent.coordinator_client import CoordinatorClient
from tripartite.agent.desk import Desk
from tripartite.agent.intake import Cases
from tripartite.agent.speaking import Speaker
from tripartite.agent.wallet_book import WalletBook
from tripartite.monero.transport import Channel


@dataclass(frozen=True, slots=True)
class Note:
    """Something that took from ``began`` to ``ended`` (Unix seconds, the machine's clock)."""

    what: str
    name: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


WALLET: Final = "wallet"
RECEIVE: Final = "receive"
FOLD: Final = "fold"
SEAL: Final = "seal"
MARK: Final = "mark"
WRITE: Final = "write"
POST: Final = "post"


class Recorder:
    """The notes of one process, in memory until somebody asks for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: list[Note] = []

    def take(self) -> list[Note]:
        """All notes since the last time."""
        with self._lock:
            notes, self._notes = self._notes, []
        return sorted(notes, key=lambda note: note.began)

    @contextmanager
    def noting(self, what: str, name: str) -> Iterator[None]:
        """Note how long the block takes."""
        began = time.time()
        try:
            yield
        finally:
            note = Note(what, name, began, time.time())
            with self._lock:
                self._notes.append(note)

    def install(self, *, node_url: str) -> None:
        """Wrap what is to be noted. Calls to the node aren't: only wallets' are compared."""

        def wallet_call(channel: Channel, method: str, *_: object, **__: object) -> str | None:
            return None if channel._url == node_url else method

        self._wrap(Channel, "call", WALLET, wallet_call)
        for name, module in list(sys.modules.items()):
            if name.startswith("tripartite.agent") and hasattr(module, "create_wallet_with_cli"):
                self._wrap(module, "create_wallet_with_cli", WALLET, _always("wallet-cli"))
        self._wrap(Cases, "receive", RECEIVE, _always(""))
        self._wrap(Cases, "placed", FOLD, _always(""))
        self._wrap(Desk, "seal", SEAL, _always("seal"))
        self._wrap(Desk, "unseal", SEAL, _always("unseal"))
        self._wrap(WalletBook, "start", MARK, _always(""))
        self._wrap(Speaker, "write", WRITE, _always(""))
        self._wrap(CoordinatorClient, "post", POST, _always(""))

    # The wrapped functions are each other's opposites in type; what they are passes through
    # untouched, so Any is the truth here.
    def _wrap(self, owner: object, name: str, what: str, title: Callable[..., str | None]) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(inner)
        def noted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 — see above
            found = title(*args, **kwargs)
            if found is None:
                return inner(*args, **kwargs)
            with self.noting(what, found):
                return inner(*args, **kwargs)

        setattr(owner, name, noted)


def _always(name: str) -> Callable[..., str | None]:
    return lambda *_, **__: name
