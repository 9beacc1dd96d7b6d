"""Inside a process under fault: stop at a point, tell the harness, go on when it says so.

A point is a place between two effects that others can see: before and after each call to a
wallet-rpc or a node, each message said or heard, each boundary of the agent's own. Its name is the
same in every run, so that one run can list the points and another be killed at one of them.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ASIDE: Final = "aside"
"""The label of what serves no escrow in particular: wallets made ahead."""

LOSE: Final = "lose"
"""The harness's word for: the answer you just got was lost on its way."""


class Stops:
    """The points of one process. Without a harness at the other end it just goes on."""

    def __init__(self, who: str, harness: Path) -> None:
        """``who`` names the process, ``harness`` is its Unix socket."""
        self._who = who
        self._harness = harness
        self._doing = threading.local()

    @contextmanager
    def doing(self, label: str, escrow_id: str | None) -> Iterator[None]:
        """What the points of this thread belong to, from now on."""
        before = (self.label, self.escrow_id)
        self.begin(label, escrow_id)
        try:
            yield
        finally:
            self.begin(*before)

    def begin(self, label: str, escrow_id: str | None) -> None:
        """The same, until something else is begun."""
        self._doing.label, self._doing.escrow_id = label, escrow_id

    @property
    def label(self) -> str:
        return getattr(self._doing, "label", ASIDE)

    @property
    def escrow_id(self) -> str | None:
        return getattr(self._doing, "escrow_id", None)

    def stop_at(self, what: str) -> bool:
        """Wait for the harness's word; whether the answer just given is to be lost."""
        words = {
            "who": self._who,
            "pid": os.getpid(),
            "escrow": self.escrow_id,
            "point": f"{self.label}: {what}",
        }
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(self._harness))
                line.sendall(json.dumps(words).encode() + b"\n")
                return line.makefile().readline().strip() == LOSE
        except OSError:
            # The harness has gone, and with it whoever wanted to kill us.
            return False

    def around(
        self,
        owner: object,
        name: str,
        title: Callable[..., str | None],
        lost: Callable[[str], Exception] | None = None,
    ) -> None:
        """Make a function of ``owner`` stop before and after; not where ``title`` gives None.

        ``lost`` makes the error that a caller gets when the answer never comes.
        """
        inner: Callable[..., Any] = getattr(owner, name)

        # What is wrapped has any type, and passes through untouched.
        @functools.wraps(inner)
        def stopping(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 — see above
            what = title(*args, **kwargs)
            if what is None:
                return inner(*args, **kwargs)
            self.stop_at(f"before {what}")
            answer = inner(*args, **kwargs)
            if self.stop_at(f"after {what}") and lost is not None:
                raise lost(what)
            return answer

        setattr(owner, name, stopping)
