"""``tripartite backup``: everything the coordinator needs to be made again, in one age file."""

from __future__ import annotations

import errno
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from tripartite.cli.exits import exit_codes
from tripartite.coordinator.start import start_django
from tripartite.domain.errors import Refused

if TYPE_CHECKING:
    from tripartite.coordinator.ops.backup.making import Made

app = typer.Typer(no_args_is_help=False)


class DiskRefused(Refused):
    """The disk didn't take it."""

    code: ClassVar[str] = "disk_refused"


Recipients = Annotated[
    list[str] | None,
    typer.Option(
        "--recipient",
        help="Encrypt to this public key, age1…; may be given twice. "
        "Default: TRIPARTITE_BACKUP_RECIPIENTS.",
    ),
]


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it. Default: a new name in BACKUP_DIR.")
    ] = None,
    recipient: Recipients = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Back up database, keys and settings while the coordinator runs.

    The file counts once it has been opened again, restored beside the database and compared.

    Example: tripartite backup --recipient age1…
    """
    undo_when_ended()
    with disk_told():
        configuration = start_django()
        from tripartite.coordinator.ops.backup.making import back_up  # noqa: PLC0415 — needs Django

        made = back_up(configuration, recipient or list(configuration.backup_recipients), file=file)
    if as_json:
        typer.echo(json.dumps(to_json(made)))
    else:
        show(made)


def undo_when_ended() -> None:
    """Let SIGTERM, and a terminal that goes away, undo what is under way as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def show(made: Made) -> None:
    """A backup in a few lines."""
    typer.echo(f"backup   {made.file}")
    typer.echo(f"sha256   {made.sha256}, {made.bytes} bytes")
    typer.echo(f"proved   {made.inventory.escrows} escrows, {made.inventory.events} events")
    typer.echo(f"log ends {made.inventory.hash}")


def to_json(made: Made) -> dict[str, object]:
    """The same for programs."""
    return {
        "file": str(made.file),
        "made_at": made.made_at.isoformat(),
        "sha256": made.sha256,
        "bytes": made.bytes,
        "escrows": made.inventory.escrows,
        "events": made.inventory.events,
        "hash": made.inventory.hash,
    }


@contextmanager
def disk_told() -> Iterator[None]:
    """As ``exit_codes``; a disk that is full, or closed to us, is told in a line too."""
    with exit_codes():
        try:
            yield
        except OSError as error:
            what = "Make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Mend that"
            place = f" ({error.filename})" if error.filename else ""
            raise DiskRefused(
                f"The disk says: {error.strerror or error}{place}. {what}, then try again."
            ) from error
