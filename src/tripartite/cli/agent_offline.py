"""``tripartite agent``: backups and kits.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.cli.agent_home import (
    EscrowId,
    HomeOption,
    KeyFile,
    PassphraseFile,
    open_party,
    read_passphrase,
)
from tripartite.cli.exits import exit_codes

if TYPE_CHECKING:
    from tripartite.agent.home import OpenHome
    from tripartite.protocol.archive import Key, Lock

app = typer.Typer()

To = Annotated[Path, typer.Option("--to", help="The file to write; it must not exist.")]
Recipients = Annotated[
    list[str] | None,
    typer.Option("--recipient", help="Encrypt to this age recipient, age1… Repeatable."),
]
ArchivePassphrase = Annotated[
    Path | None,
    typer.Option(
        "--archive-passphrase-file", help="A file (mode 600) with the archive's own passphrase."
    ),
]
IdentityFile = Annotated[
    Path | None,
    typer.Option("--identity-file", help="The age identity that opens it, AGE-SECRET-KEY-1…"),
]


@app.command()
def backup(
    *,
    to: To,
    recipient: Recipients = None,
    archive_passphrase_file: ArchivePassphrase = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Everything this agent needs, in one encrypted file. The agent may be running.

    Example: tripartite agent backup --to monday.age --recipient age1…
    """
    with exit_codes():
        from tripartite.agent import backup as backups  # noqa: PLC0415 — see the module's docstring

        lock = _lock(recipient, archive_passphrase_file)
        opened = open_party(home, passphrase_file, key_file)
        made = backups.back_up(opened, to, lock)
        typer.echo(f"sha256 {made.sha256}")
        typer.echo(f"wallets {made.wallets}")
        _verify_now(opened, to, archive_passphrase_file)
        opened.journal.close()


@app.command(name="export-kit")
def export_kit(
    escrow: EscrowId,
    *,
    to: To,
    recipient: Recipients = None,
    archive_passphrase_file: ArchivePassphrase = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """One escrow in one encrypted file: enough to finish it without coordinator and without this home.

    Example: tripartite agent export-kit 5e5e5e --to bicycle.age --recipient age1…
    """
    with exit_codes():
        from tripartite.agent import deciding  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.offline import kit  # noqa: PLC0415 — as above

        lock = _lock(recipient, archive_passphrase_file)
        opened = open_party(home, passphrase_file, key_file)
        made = kit.export_kit(opened, deciding.find(opened, escrow), to, lock)
        typer.echo(f"sha256 {made.sha256}")
        _verify_now(opened, to, archive_passphrase_file)
        opened.journal.close()


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A backup or a kit of this agent.")],
    *,
    identity_file: IdentityFile = None,
    archive_passphrase_file: ArchivePassphrase = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Prove that a backup or a kit would work, and remember that.

    Example: tripartite agent verify monday.age --identity-file stick/key.txt
    """
    with exit_codes():
        opened = open_party(home, passphrase_file, key_file)
        _verify(opened, file, _key(identity_file, archive_passphrase_file))
        opened.journal.close()


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup or a kit.")],
    *,
    home: Annotated[Path, typer.Option("--home", help="A new directory for the agent.")],
    identity_file: IdentityFile = None,
    archive_passphrase_file: ArchivePassphrase = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Make a home from a backup or a kit. The old home must never run again.

    A backup comes back under the passphrase that it had (or its key file is put to --key-file). A
    kit's home is new: give it a passphrase or a key file.

    Example: tripartite agent restore monday.age --home /srv/agent --identity-file key.txt
    """
    with exit_codes():
        from tripartite.agent import backup as backups  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.offline import kit  # noqa: PLC0415 — as above
        from tripartite.protocol.archive import read_archive  # noqa: PLC0415 — as above

        archive = read_archive(file, _key(identity_file, archive_passphrase_file))
        if archive.kind == kit.KIND:
            secret = None
            if key_file is None:
                secret = read_passphrase(passphrase_file, confirm=True)
            opened = kit.open_kit(archive, home, passphrase=secret, key_file=key_file)
            typer.echo(f"escrow {archive.about['escrow_id']}")
            opened.journal.close()
        else:
            backups.restore(archive, home, key_file=key_file)
        typer.echo(f"made at {archive.about.get('made_at')}")
        typer.echo("Never start the old home again: two with one key spoil each other.", err=True)


@app.command()
def doctor(
    escrow: EscrowId,
    *,
    node: Annotated[str, typer.Option(help="Your Monero node's RPC, http://host:port")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Why a payout doesn't move, whose turn it is, and what to do.

    Looks into the wallet as well if the agent isn't running. It changes nothing: what can be mended
    without a person, the running agent (or the next `tripartite settle`) mends by itself.

    Example: tripartite agent doctor 5e5e5e --node http://127.0.0.1:18081
    """
    with exit_codes():
        from tripartite.agent import deciding, examining  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.wallets.records import Node  # noqa: PLC0415 — as above

        opened = open_party(home, passphrase_file, key_file)
        found = examining.look(opened, deciding.find(opened, escrow), Node(node))
        opened.journal.close()
        if as_json:
            rows = [
                {
                    "ailment": one.ailment.value,
                    "remedy": one.remedy.value,
                    "who": None if one.who is None else one.who.value,
                    "advice": one.advice,
                }
                for one in found
            ]
            typer.echo(json.dumps(rows, indent=1))
            return
        for one in found:
            typer.echo(f"{one.ailment.value} → {one.remedy.value}")
            typer.echo(f"  {one.advice}")


def _lock(recipients: list[str] | None, passphrase_file: Path | None) -> Lock:
    from tripartite.protocol.archive import Lock  # noqa: PLC0415 — see the module's docstring

    secret = None if passphrase_file is None else read_passphrase(passphrase_file, confirm=False)
    return Lock(tuple(recipients or ()), secret)


def _key(identity_file: Path | None, passphrase_file: Path | None) -> Key:
    from tripartite.protocol.archive import Key, read_identity_file  # noqa: PLC0415 — see the module's docstring

    if identity_file is not None:
        return read_identity_file(identity_file)
    return Key(passphrase=read_passphrase(passphrase_file, confirm=False))


def _verify_now(opened: OpenHome, file: Path, passphrase_file: Path | None) -> None:
    """At once, if we can open it; else its owner has to."""
    if passphrase_file is not None:
        _verify(opened, file, _key(None, passphrase_file))
    else:
        typer.echo(
            f"Not verified: where the identity is, run `tripartite agent verify {file} "
            "--identity-file FILE`.",
            err=True,
        )


def _verify(opened: OpenHome, file: Path, key: Key) -> None:
    from tripartite.agent import backup as backups  # noqa: PLC0415 — see the module's docstring
    from tripartite.agent.offline import kit  # noqa: PLC0415 — as above
    from tripartite.protocol.archive import read_archive  # noqa: PLC0415 — as above

    archive = read_archive(file, key)
    if archive.kind == kit.KIND:
        with tempfile.TemporaryDirectory() as place:
            made_at = kit.verify_kit(opened, archive, Path(place))
    else:
        made_at = backups.verify(opened, archive)
    typer.echo(f"verified, made at {made_at}")
