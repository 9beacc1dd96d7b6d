"""How commands end: one table for all of them. ``docs/guides/commands.md`` is drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from tripartite.domain.errors import Refused, Tampered, TripartiteError, Unavailable


class Exit(IntEnum):
    """The codes."""

    DONE = 0
    """It is done, or all is well."""
    REFUSED = 1
    """Refused, or not well: change something before you try again."""
    USAGE = 2
    """Wrong usage: an option or argument isn't what it should be."""
    TAMPERED = 3
    """Something was tampered with. Stop, and look."""
    DECLINED = 4
    """You were asked, and said no."""
    BUG = 70
    """A fault of ours (`EX_SOFTWARE` of sysexits.h)."""
    UNAVAILABLE = 75
    """Something is out of reach: try again later (`EX_TEMPFAIL` of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C."""


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
