"""Waiting for facts, never for seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from tripartite.domain.errors import Unavailable

Fact = Callable[[], bool]

_POLL_SECONDS: Final = 0.05


class FactNeverCame(Unavailable):
    """Something that had to happen did not."""

    code: ClassVar[str] = "fact_never_came"


def name_of(fact: Fact) -> str:
    """What a fact is called: ``is_funded`` of a deal is "is funded"."""
    return str(getattr(fact, "__name__", "the fact")).replace("_", " ")


def until(
    fact: Fact,
    *,
    seconds: float,
    what: str | None = None,
    report: Callable[[], str] | None = None,
    poll_seconds: float = _POLL_SECONDS,
) -> None:
    """Return when ``fact`` says so.

    ``seconds`` is a generous upper bound, after which ``report`` is asked how everything stands.
    Raises FactNeverCame.
    """
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            detail = f"After {seconds:.0f} s still not: {what or name_of(fact)}."
            raise FactNeverCame(detail if report is None else f"{detail}\n{report()}")
        time.sleep(poll_seconds)
