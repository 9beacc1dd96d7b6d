"""``tripartite create-escrow``: a proposal by the names of both traders.

Heavy modules are imported inside the command, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tripartite.cli.agent import carry_out
from tripartite.cli.agent_home import (
    Expect,
    HomeOption,
    KeyFile,
    PassphraseFile,
    Yes,
    home_directory,
    open_party,
)
from tripartite.cli.exits import exit_codes
from tripartite.domain.parties import Role

app = typer.Typer()


@app.command(name="create-escrow")
def create_escrow(
    *,
    buyer_id: Annotated[str, typer.Option(help="The buyer's account.")],
    vendor_id: Annotated[str, typer.Option(help="The vendor's account.")],
    amount: Annotated[str, typer.Option(help="In XMR, such as 1.25")],
    arbiter_id: Annotated[
        str, typer.Option(help="The arbiter's account.", prompt="The arbiter's account")
    ],
    address: Annotated[
        str, typer.Option(help="Where you are paid.", prompt="Where you are paid (your address)")
    ],
    subject: Annotated[
        str,
        typer.Option(help="What is traded; only the three can read it.", prompt="What is traded"),
    ],
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """Propose an escrow between two accounts, one of which is this agent's.

    Consent is a signature made at home: no command and no coordinator can make an escrow for
    others. This one proposes it in the name of this agent's account; the other two accept with
    theirs (`tripartite agent accept`). What isn't given is asked for. Fees and confirmations can
    be chosen with `tripartite agent propose`.

    Example: tripartite create-escrow --buyer-id bob --vendor-id carol --amount 0.5
    """
    with exit_codes():
        from tripartite.agent import proposing  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.home import look_into  # noqa: PLC0415 — as above

        # Whose agent this is needs no passphrase; so who can't propose isn't asked for one.
        journal = look_into(home_directory(home))
        account = journal.setting("account")
        journal.close()
        side = proposing.side_of(account, buyer=buyer_id, vendor=vendor_id)
        draft = proposing.read_draft(
            buyer=buyer_id if side is Role.VENDOR else None,
            vendor=vendor_id if side is Role.BUYER else None,
            arbiter=arbiter_id,
            amount=amount,
            subject=subject,
        )
        opened = open_party(home, passphrase_file, key_file)
        carry_out(draft, address, opened, expect=expect, yes=yes)
