"""How a command runs that starts a network of its own: where, and how it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from tripartite.cli.exits import Exit
from tripartite.cli.interruptions import told_by_signals
from tripartite.domain.errors import TripartiteError


def stage(
    console: Console,
    work: Callable[[Path], bool],
    *,
    name: str,
    directory: Path | None,
    keep: bool,
) -> NoReturn:
    """Do the work in a directory, a temporary one if none is given, and end the command.

    Ends with 0 if the work says that all was as it should be, else with 1; with 130 after Ctrl-C,
    SIGTERM or SIGHUP. A directory that somebody chose or wants to ``keep``, or in which something
    went wrong, stays.
    """
    place = directory or Path(tempfile.mkdtemp(prefix=f"tripartite-{name}-"))
    code = Exit.REFUSED
    try:
        with told_by_signals():
            if work(place):
                code = Exit.DONE
    except TripartiteError as error:
        console.print(Text(f"{error.title()}: {error.detail}", style="red"), soft_wrap=True)
    except KeyboardInterrupt:
        console.print("Interrupted; everything was ended.")
        code = Exit.INTERRUPTED
    finally:
        if directory is None and not keep and code is not Exit.REFUSED:
            shutil.rmtree(place)
        else:
            console.print(f"Its directory stays: {place}", soft_wrap=True)
    raise typer.Exit(code)
