"""``tripartite agent``: what an arbiter answers an admin, or a panel.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tripartite.cli.agent_home import HomeOption, KeyFile, PassphraseFile, open_party
from tripartite.cli.exits import exit_codes
from tripartite.protocol.vote import Choice

app = typer.Typer()


@app.command()
def panels(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """As an arbiter: the stuck escrows of others that you are asked about.

    Example: tripartite agent panels
    """
    with exit_codes():
        from tripartite.agent.panels import asked  # noqa: PLC0415 — see the module's docstring

        opened = open_party(home, passphrase_file, key_file)
        found = asked(opened)
        opened.journal.close()
        if as_json:
            rows = [
                {"panel": one.panel, "question": one.question, "said": one.recommendation}
                for one in found
            ]
            typer.echo(json.dumps(rows, indent=1))
            return
        for one in found:
            question = one.question
            said = one.recommendation or "open"
            typer.echo(f"{one.panel}: {question['escrow_id']} is {question['status']} ({said})")
        if not found:
            typer.echo("Nobody asks you about anything.")


@app.command()
def vote(
    panel: Annotated[int, typer.Argument(help="The panel's number.")],
    choice: Annotated[Choice, typer.Argument(help="What you recommend.")],
    *,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """As a member of a panel: sign your recommendation. It stays, and moves no money.

    Example: tripartite agent vote 7 wait
    """
    with exit_codes():
        from tripartite.agent.panels import vote as send  # noqa: PLC0415 — see above

        opened = open_party(home, passphrase_file, key_file)
        found = send(opened, panel, choice)
        opened.journal.close()
        typer.echo(f"Your vote is on record. Recommendation: {found.recommendation or 'none yet'}.")


@app.command()
def acknowledge(
    number: Annotated[int, typer.Argument(help="The number in the message that called you.")],
    *,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """As the arbiter whom an admin called: say that you have heard.

    Example: tripartite agent acknowledge 12
    """
    with exit_codes():
        from tripartite.agent.panels import acknowledge as send  # noqa: PLC0415 — see above

        opened = open_party(home, passphrase_file, key_file)
        send(opened, number)
        opened.journal.close()
        typer.echo("They know that you have heard.")
