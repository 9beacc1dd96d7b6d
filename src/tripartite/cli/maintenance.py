"""``tripartite maintenance``: take no new escrows for a while, and look how things stand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tripartite.cli.on_the_server import coordinator_here

app = typer.Typer(no_args_is_help=True)


@app.callback()
def maintenance() -> None:
    """No new escrows while it is on; everything open goes on as before."""


@app.command()
def on(
    reason: Annotated[
        str, typer.Option(help="Why, in one line: everybody reads it at the top of every page.")
    ],
) -> None:
    """Take no new escrows until `off`. All nodes hear of it at once.

    Example: tripartite maintenance on --reason "A new release at noon, back at one."
    """
    _switch(on=True, reason=reason)


@app.command()
def off() -> None:
    """Take new escrows again.

    Example: tripartite maintenance off
    """
    _switch(on=False, reason="")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Whether it is on and why, and what the launch limits still let in.

    Example: tripartite maintenance status --json
    """
    with coordinator_here() as configuration:
        from tripartite.coordinator.limits import reading  # noqa: PLC0415 — models need Django

        if as_json:
            typer.echo(json.dumps(reading.standing(configuration.limits)))
            return
        for line in reading.described(configuration.limits):
            typer.echo(line)


def _switch(*, on: bool, reason: str) -> None:
    with coordinator_here():
        from tripartite.coordinator.limits import maintenance, reading  # noqa: PLC0415 — as above

        typer.echo(reading.sentence(maintenance.switch(on=on, reason=reason, by="")))
