"""What commands share that work on the coordinator's own database, on its own machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tripartite.coordinator.start import bring_tables_up_to_date, start_django
from tripartite.domain.errors import TripartiteError

if TYPE_CHECKING:
    from tripartite.coordinator.configuration import Configuration


@contextmanager
def coordinator_here() -> Iterator[Configuration]:
    """The coordinator's settings and database; our errors become a line and status 1.

    Modules with models can be imported inside the block only: they need Django.
    """
    try:
        configuration = start_django()
        bring_tables_up_to_date(migrate=False)
        yield configuration
    except TripartiteError as error:
        typer.echo(f"{error.title()}: {error.detail}", err=True)
        raise typer.Exit(1) from error
