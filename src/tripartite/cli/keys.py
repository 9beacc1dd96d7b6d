"""``tripartite keys``: the keys that seal secrets in the coordinator's database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.start import bring_tables_up_to_date, start_django

app = typer.Typer(help="Keys that seal secrets in the database.", no_args_is_help=True)


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the keys, and how many rows are sealed under each.

    Example: tripartite keys list
    """
    with _keyring_file() as path:
        from tripartite.coordinator import rotating  # noqa: PLC0415 — needs Django set up

        keys = rotating.list_keys(path)
        if as_json:
            rows = [{"id": one.id, "rows": one.rows, "current": one.current} for one in keys]
            typer.echo(json.dumps(rows, indent=1))
            return
        for key in keys:
            mark = "current" if key.current else ""
            typer.echo(f"{key.id}  {key.rows:>6} rows  {mark}".rstrip())


@app.command("new")
def new_key() -> None:
    """Add a key that seals nothing yet; copy the file to all nodes, then rotate.

    Example: tripartite keys new
    """
    with _keyring_file() as path:
        from tripartite.coordinator import rotating  # noqa: PLC0415 — needs Django set up

        typer.echo(f"new key {rotating.add_key(path)}")


@app.command("rotate")
def rotate() -> None:
    """Seal everything under the newest key, while the nodes run; makes one if there is none.

    Example: tripartite keys rotate
    """
    with _keyring_file() as path:
        from tripartite.coordinator import rotating  # noqa: PLC0415 — needs Django set up

        done = rotating.rotate(path)
        typer.echo(f"current key {done.current}")
        typer.echo(f"sealed anew {done.sealed_anew} rows")
        if done.dropped:
            typer.echo(f"dropped     {', '.join(done.dropped)}")


@contextmanager
def _keyring_file() -> Iterator[Path]:
    with exit_codes():
        configuration = start_django()
        bring_tables_up_to_date(migrate=configuration.migrate_at_start)
        yield configuration.keyring_file
