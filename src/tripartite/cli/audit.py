"""``tripartite audit``: prove that the coordinator's event log is what was written."""

from __future__ import annotations

from typing import Annotated

import typer

from tripartite.coordinator.start import start_django
from tripartite.domain.errors import TripartiteError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Check the coordinator's records."""


@app.command()
def verify(
    expect: Annotated[
        str | None,
        typer.Option(help="A hash that an earlier run printed: it must still be in the log."),
    ] = None,
) -> None:
    """Walk the event log and find a row that was changed, removed, added or moved."""
    try:
        start_django()
        # Models may only be imported once Django is set up.
        from tripartite.coordinator.events import audit as events  # noqa: PLC0415 — see above

        verified = events.verify(expect=expect)
    except TripartiteError as error:
        typer.echo(f"{error.title()}: {error.detail}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"intact: {verified.events} events, {verified.hash}")
