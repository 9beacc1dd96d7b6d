"""``tripartite restore``: a coordinator from its backup, in an empty place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from tripartite.cli.backup import disk_told, undo_when_ended

app = typer.Typer(no_args_is_help=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    identity: Annotated[Path, typer.Option(help="The file of age-keygen that opens it.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only open and prove it; put nothing in place.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Restore a backup where TRIPARTITE_DATA_DIR and TRIPARTITE_DATABASE_URL point to.

    Nothing is overwritten: the database must be empty, the key files away. What was restored is
    counted, and its event log is checked from the first event to the last.

    Example: tripartite restore backup.tar.age --identity key.txt --check
    """
    undo_when_ended()
    with disk_told():
        # Not start_django: that makes a new secret key where there is none.
        import django  # noqa: PLC0415 — slow to import, and not for --help

        from tripartite.coordinator.configuration import read_configuration  # noqa: PLC0415 — as above

        configuration = read_configuration()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")
        django.setup()
        from tripartite.coordinator.ops.backup import restoring  # noqa: PLC0415 — as above
        from tripartite.protocol.archive import read_identity_file  # noqa: PLC0415 — as above

        key = read_identity_file(identity)
        work = restoring.check if check else restoring.restore
        opened = work(configuration, file, key)
    if as_json:
        content = {
            "made_at": opened.made_at,
            "version": opened.version,
            "escrows": opened.inventory.escrows,
            "events": opened.inventory.events,
            "hash": opened.inventory.hash,
        }
        typer.echo(json.dumps(content))
        return
    typer.echo(f"{'sound   ' if check else 'restored'} {file}")
    typer.echo(f"made     {opened.made_at} by version {opened.version}")
    typer.echo(f"proved   {opened.inventory.escrows} escrows, {opened.inventory.events} events")
    typer.echo(f"log ends {opened.inventory.hash}")
