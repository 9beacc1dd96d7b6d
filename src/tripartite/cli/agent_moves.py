"""``tripartite agent``: another arbiter for an escrow that holds money.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tripartite.cli.agent_home import (
    EscrowId,
    Expect,
    HomeOption,
    KeyFile,
    PassphraseFile,
    Yes,
    hand_over,
    open_party,
)
from tripartite.cli.agent_output import meet, show_and_ask
from tripartite.cli.exits import exit_codes
from tripartite.domain.money import parse_xmr
from tripartite.domain.percentages import parse_percent

app = typer.Typer()


@app.command("replace-arbiter")
def replace_arbiter(
    escrow: EscrowId,
    *,
    arbiter: Annotated[str, typer.Option(help="The new arbiter's account.")],
    arbiter_fee: Annotated[str, typer.Option(help="Of a ruling, in per cent, such as 1.5")] = "0",
    amount: Annotated[
        str | None,
        typer.Option(
            help="In XMR.  [default: the old one, less what the move may cost]", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """As buyer or vendor: propose a new escrow that takes over this one's money.

    All is as before but the arbiter, its fee, and what the move costs. When all three have accepted
    it, and their agents have made its wallet, buyer and vendor both sign the move:
    `tripartite agent move`.

    Example: tripartite agent replace-arbiter 5e5e5e --arbiter erin --arbiter-fee 1
    """
    with exit_codes():
        from tripartite.agent import proposing, replacing  # noqa: PLC0415 — see the module's docstring

        chosen = None if amount is None else parse_xmr(amount)
        bps = parse_percent(arbiter_fee)
        opened = open_party(home, passphrase_file, key_file)
        with proposing.directory_of(opened) as directory:
            proposal = replacing.prepare(
                opened,
                escrow,
                arbiter=arbiter,
                arbiter_bps=bps,
                amount=chosen,
                directory=directory,
            )
        compared = meet(proposal.consent, proposal.rows, expect, yes=yes)
        proposing.decide(opened, proposal, compared)
        typer.echo(f"escrow {proposal.escrow_id}")
        hand_over(opened)


@app.command()
def move(
    escrow: EscrowId,
    *,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """As buyer or vendor: sign that all the money goes to the escrow that takes its place.

    ESCROW is the old or the new one. The money is moved once both have signed; the old arbiter isn't
    needed.

    Example: tripartite agent move 5e5e5e
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        opened = open_party(home, passphrase_file, key_file)
        choice = resolving.move(opened, escrow)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice)
        hand_over(opened)
