"""What commands share that work on the coordinator's own database, on its own machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.start import bring_tables_up_to_date, start_django

if TYPE_CHECKING:
    from tripartite.coordinator.configuration import Configuration


@contextmanager
def coordinator_here() -> Iterator[Configuration]:
    """The coordinator's settings and database; our errors become a line and an exit code.

    Modules with models can be imported inside the block only: they need Django.
    """
    with exit_codes():
        configuration = start_django()
        bring_tables_up_to_date(migrate=False)
        yield configuration
