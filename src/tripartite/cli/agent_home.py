"""What all commands of a party share: its home, how it is opened, and who is told of a decision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.domain.secrets import Secret

if TYPE_CHECKING:
    from tripartite.agent.home import OpenHome

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="TRIPARTITE_AGENT_HOME",
        help="The agent's directory.  [default: ~/.local/share/tripartite/agent]",
        show_default=False,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="TRIPARTITE_AGENT_PASSPHRASE_FILE",
        help="Read the passphrase from this file (mode 600) instead of asking.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="Use a key file (mode 600) instead of a passphrase."),
]
EscrowId = Annotated[str, typer.Argument(help="The escrow's id, or its first 6 or more digits.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask. Strangers must then be expected.")]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        "--expect-fingerprint", help="A fingerprint you compared with its owner. Repeatable."
    ),
]


def hand_over(opened: OpenHome) -> None:
    """Tell the running agent, and close the home."""
    if opened.home.poke():
        typer.echo("The running agent is carrying it out; see `tripartite agent status`.", err=True)
    else:
        typer.echo(
            "No agent is running here: it will be carried out once one is "
            "(`tripartite agent run`).",
            err=True,
        )
    opened.journal.close()


def home_directory(given: Path | None) -> Path:
    """Where this party lives."""
    if given is not None:
        return given
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "tripartite" / "agent"


def open_party(home: Path | None, passphrase_file: Path | None, key_file: Path | None) -> OpenHome:
    """Unlock a home. Raises what ``open_home`` raises."""
    from tripartite.agent.home import Home, open_home  # noqa: PLC0415 — slow to import; --help answers at once
    from tripartite.agent.keyring import wants_passphrase  # noqa: PLC0415 — as above

    directory = home_directory(home)
    passphrase = None
    if wants_passphrase(Home(directory).keyring):
        passphrase = read_passphrase(passphrase_file, confirm=False)
    return open_home(directory, passphrase=passphrase, key_file=key_file)


def read_passphrase(file: Path | None, *, confirm: bool) -> Secret:
    """From a private file, or asked for. Raises ``KeyFileUnsafe``."""
    if file is not None:
        from tripartite.agent.keyring import check_private  # noqa: PLC0415 — slow to import; --help answers at once

        check_private(file)
        return Secret(file.read_text().rstrip("\r\n"))
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return Secret(text)
