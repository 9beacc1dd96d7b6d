"""``tripartite upgrade``: the database to this version, or back to where it was."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tripartite.cli.backup import Recipients, disk_told, show, to_json, undo_when_ended
from tripartite.coordinator.start import start_django

app = typer.Typer(no_args_is_help=False)


@app.command()
def upgrade(
    recipient: Recipients = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Back up, migrate and check; if anything fails, everything is as it was before.

    Install the new version and stop all nodes first. Ends with 1 when it went back.

    Example: tripartite upgrade
    """
    undo_when_ended()
    with disk_told():
        configuration = start_django()
        from tripartite.coordinator.ops.backup import upgrading  # noqa: PLC0415 — needs Django

        done = upgrading.upgrade(configuration, recipient or list(configuration.backup_recipients))
    if as_json:
        typer.echo(json.dumps({"migrations": done.migrations, "backup": to_json(done.backup)}))
        return
    show(done.backup)
    typer.echo(f"upgraded {done.migrations} migrations, checked")
