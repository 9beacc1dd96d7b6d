"""``tripartite audit``: prove that the coordinator's event log is what was written."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.start import start_django

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
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Walk the event log and find a row that was changed, removed, added or moved.

    Ends with 3 if there is one.

    Example: tripartite audit verify --expect 9f86d081884c7d65…
    """
    with exit_codes():
        start_django()
        # Models may only be imported once Django is set up.
        from tripartite.coordinator.events import audit as events  # noqa: PLC0415 — see above

        verified = events.verify(expect=expect)
    if as_json:
        found = {"intact": True, "events": verified.events, "hash": verified.hash}
        typer.echo(json.dumps(found, indent=1))
    else:
        typer.echo(f"intact: {verified.events} events, {verified.hash}")
