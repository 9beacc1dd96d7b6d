"""How commands end: one table for all of them. ``docs/commands.md`` is drawn from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import Self

import typer

from tripartite.domain.errors import Refused, Tampered, TripartiteError, Unavailable


class Exit(IntEnum):
    """The codes, and what each says."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done, or all is well"
    REFUSED = 1, "refused, or not well: change something before you try again"
    USAGE = 2, "wrong usage: an option or argument isn't what it should be"
    TAMPERED = 3, "something was tampered with: stop and look"
    DECLINED = 4, "you were asked, and said no"
    BUG = 70, "a fault of ours (EX_SOFTWARE of sysexits.h)"
    UNAVAILABLE = 75, "something is out of reach: try again later (EX_TEMPFAIL of sysexits.h)"
    INTERRUPTED = 130, "ended by Ctrl-C"


def epilog() -> str:
    """The table in one sentence, for the end of a help page."""
    return f"Exit codes: {' · '.join(f'{one.value} {one.meaning}' for one in Exit)}."


class bugs_told:  # noqa: N801 — used as a function
    """What nobody caught is told as Python tells it, and ends with a code of its own."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or error is None or not issubclass(kind, Exception):
            return
        sys.excepthook(kind, error, trace)
        sys.exit(Exit.BUG)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Print an error of ours as two lines on stderr, and end with its branch's code."""
    try:
        yield
    except TripartiteError as error:
        typer.echo(f"{error.title()} [{error.code}]", err=True)
        typer.echo(error.detail, err=True)
        match error:
            case Tampered():
                code = Exit.TAMPERED
            case Unavailable():
                code = Exit.UNAVAILABLE
            case Refused():
                code = Exit.REFUSED
            case _:
                raise
        raise typer.Exit(code) from None
