"""``tripartite attach``: the agents of parties who registered a wallet RPC."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.logging import configure_logging
from tripartite.coordinator.start import bring_tables_up_to_date, start_django

app = typer.Typer(no_args_is_help=False)


@app.command()
def attach(
    workers: Annotated[int, typer.Option(min=1, max=64, help="Escrows looked at at once.")] = 4,
    watching: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks for a deposit or payout.")
    ] = 20.0,
    guarding: Annotated[
        float, typer.Option(min=0.1, help="The same, once the money is there.")
    ] = 300.0,
    lease: Annotated[
        float,
        typer.Option(min=2.0, max=60.0, help="Seconds after which another process takes over."),
    ] = 15.0,
    new_directory: Annotated[
        bool,
        typer.Option(
            "--new-directory",
            help="Go on in this TRIPARTITE_ATTACH_DIR: the one before is lost for good, with its "
            "parties' keys.",
        ),
    ] = False,
) -> None:
    """Run the agents of parties who registered a wallet RPC with this coordinator.

    Takes the coordinator's own TRIPARTITE_… settings and its database. Any number may run: a lease
    lets one at a time have each escrow and each wallet RPC. Prints one line when it is ready.

    Example: tripartite attach --workers 8
    """
    with exit_codes():
        configuration = start_django()
        configure_logging(configuration)
        bring_tables_up_to_date(migrate=configuration.migrate_at_start)
        # Models may only be imported once Django is set up.
        from tripartite.agent.desk import Pace  # noqa: PLC0415 — slow to import; --help answers at once
        from tripartite.attach.running import run  # noqa: PLC0415 — see above

        pace = Pace(watching=watching, guarding=guarding, confirming=watching, prepared_wallets=0)
        run(
            configuration,
            ready=lambda: typer.echo("ready attach"),
            workers=workers,
            pace=pace,
            lease=timedelta(seconds=lease),
            new_directory=new_directory,
        )
