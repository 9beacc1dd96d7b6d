"""Everything that was started is ended."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from tripartite.devnet.children import Children, DevnetEnding


@dataclass
class Daemon:
    name: str
    ended: list[str]
    fails: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.ended.append(self.name)
        if self.fails:
            raise OSError(self.name)


def test_later_waves_end_before_the_ones_they_need() -> None:
    ended: list[str] = []
    children = Children()
    children.keep(Daemon("node", ended), wave=0)
    children.keep(Daemon("agent", ended), wave=2)
    children.start(lambda: Daemon("coordinator", ended), wave=1).result()

    children.stop()

    assert ended == ["agent", "coordinator", "node"]


def test_what_starts_too_late_is_ended_at_once() -> None:
    ended: list[str] = []
    children = Children()
    children.stop()

    with pytest.raises(DevnetEnding):
        children.keep(Daemon("late", ended), wave=1)
    assert ended == ["late"]


def test_one_that_cannot_be_ended_does_not_save_the_others() -> None:
    ended: list[str] = []
    children = Children()
    children.keep(Daemon("node", ended), wave=0)
    children.keep(Daemon("stubborn", ended, fails=True), wave=1)

    with pytest.raises(OSError, match="stubborn"):
        children.stop()
    assert ended == ["stubborn", "node"]
