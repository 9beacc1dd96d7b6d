"""``tripartite serve``: the coordinator."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.logging import configure_logging
from tripartite.coordinator.settings_table import PREFIX
from tripartite.coordinator.start import bring_tables_up_to_date, start_django

app = typer.Typer(no_args_is_help=False)

PARTS = ("http", "events", "work")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run only this part: http, events or work. May be given twice."),
    ] = None,
    migrate_only: Annotated[
        bool, typer.Option("--migrate-only", help="Bring the database up to date, then end.")
    ] = False,
) -> None:
    """Run the coordinator: API, WebSocket and background work on one port.

    Settings come from /etc/tripartite/tripartite.toml and TRIPARTITE_… variables; see the
    operator's guide. Prints one line with its address when it is ready; logs go to stderr, or to
    files in LOG_DIR, as JSON.

    Example: tripartite serve --port 8800
    """
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"--only takes {', '.join(PARTS)}.")
    if host is not None:
        os.environ[PREFIX + "HOST"] = host
    if port is not None:
        os.environ[PREFIX + "PORT"] = str(port)
    with exit_codes():
        configuration = start_django()
        configure_logging(configuration)
        bring_tables_up_to_date(migrate=migrate_only or configuration.migrate_at_start)
        if migrate_only:
            return
        # Models may only be imported once Django is set up.
        from tripartite.coordinator.main import Part, run  # noqa: PLC0415 — see above

        run(configuration, frozenset(map(Part, only or PARTS)), ready=_announce)


def _announce(url: str) -> None:
    typer.echo(f"ready {url}")
