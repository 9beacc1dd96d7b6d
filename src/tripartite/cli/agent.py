"""``tripartite agent``: one party's commands. It parses and prints; ``tripartite.agent`` works.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.cli import agent_endings, agent_moves, agent_offline, agent_panels
from tripartite.cli.agent_home import (
    EscrowId,
    Expect,
    HomeOption,
    KeyFile,
    PassphraseFile,
    Yes,
    hand_over,
    home_directory,
    open_party,
    read_passphrase,
)
from tripartite.cli.agent_output import meet, print_status
from tripartite.cli.exits import Exit, epilog, exit_codes
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret

if TYPE_CHECKING:
    from tripartite.agent.home import OpenHome
    from tripartite.agent.proposing import Draft

app = typer.Typer(
    help="One party of escrows: holds the identity key and its share of each wallet.",
    no_args_is_help=True,
    epilog=epilog(),
    pretty_exceptions_enable=False,
)


@app.command()
def init(
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    network: Annotated[Network, typer.Option(help="The Monero network.")] = Network.MAINNET,
) -> None:
    """Make a new party: an identity key that never leaves its home.

    Example: tripartite agent init --network stagenet
    """
    with exit_codes():
        from tripartite.agent.home import create_home  # noqa: PLC0415 — see the module's docstring

        passphrase = None
        if key_file is None:
            passphrase = read_passphrase(passphrase_file, confirm=True)
        opened = create_home(
            home_directory(home), network=network, passphrase=passphrase, key_file=key_file
        )
        typer.echo(f"fingerprint {opened.identity.public.fingerprint}")
        opened.journal.close()


@app.command()
def pair(
    *,
    coordinator: Annotated[str, typer.Option(help="The coordinator's address, https://…")],
    token_file: Annotated[Path, typer.Option(help="A file (mode 600) with the account's token.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    proxy: Annotated[str | None, typer.Option(help="socks5h://host:port")] = None,
) -> None:
    """Bind this agent to an account at a coordinator.

    Example: tripartite agent pair --coordinator https://escrow.example --token-file token
    """
    with exit_codes():
        from tripartite.agent.keyring import check_private  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.pairing import pair_with  # noqa: PLC0415 — see the module's docstring

        check_private(token_file)
        opened = open_party(home, passphrase_file, key_file)
        token = Secret(token_file.read_text().strip())
        account = pair_with(opened, coordinator, token, proxy=proxy)
        typer.echo(f"account {account}")
        typer.echo(f"fingerprint {opened.identity.public.fingerprint}")
        typer.echo(
            "Give this fingerprint to the people you trade with, in person or by another channel.",
            err=True,
        )
        opened.journal.close()


@app.command()
def run(
    *,
    node: Annotated[str, typer.Option(help="Your Monero node's RPC, http://host:port")],
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    node_login: Annotated[Path | None, typer.Option(help="File with user:password.")] = None,
    node_proxy: Annotated[str | None, typer.Option(help="SOCKS proxy to it, ip:port")] = None,
    untrusted_node: Annotated[
        bool, typer.Option("--untrusted-node", help="The node isn't yours: tell it less.")
    ] = False,
    wallets: Annotated[int, typer.Option(min=1, max=32, help="Own wallet-rpc processes.")] = 2,
    wallet_rpc: Annotated[
        list[str] | None,
        typer.Option(help="Use this running wallet-rpc instead of own ones. Repeatable."),
    ] = None,
    wallet_rpc_login: Annotated[
        Path | None, typer.Option(help="File (mode 600) with user:password.")
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(help="SOCKS proxy to the coordinator, socks5h://host:port")
    ] = None,
    prepared: Annotated[int, typer.Option(min=0, help="Wallets to keep ready made.")] = 2,
    watch_seconds: Annotated[float, typer.Option(min=0.1, help="Between looks for money.")] = 20.0,
    guard_seconds: Annotated[
        float, typer.Option(min=0.1, help="Between looks at money that is there.")
    ] = 300.0,
    log_file: Annotated[Path | None, typer.Option(help="Log here, not to stderr.")] = None,
    log_dir: Annotated[
        Path | None, typer.Option(help="Log here, a file a day, kept for 7 days.")
    ] = None,
    page: Annotated[bool, typer.Option(help="Show its own page on 127.0.0.1.")] = True,
    page_port: Annotated[int, typer.Option(min=0, max=65_535, help="Its port; 0: any.")] = 8710,
    open_page: Annotated[
        bool | None,
        typer.Option(help="Open it in a browser.  [default: on a terminal]", show_default=False),
    ] = None,
) -> None:
    """Run the agent until SIGTERM or Ctrl-C. Prints "ready" once it works.

    Before that it prints a link to its own page, where you decide; it works once. For another one:
    `tripartite agent page`.

    Example: tripartite agent run --node http://127.0.0.1:18081 --proxy socks5h://127.0.0.1:9050
    """
    with exit_codes():
        from tripartite.agent import running  # noqa: PLC0415 — see the module's docstring

        opened = open_party(home, passphrase_file, key_file)
        running.log_to(log_file, log_dir)
        in_order = running.run(
            opened,
            running.options(
                node=node,
                node_login=node_login,
                node_proxy=node_proxy,
                node_trusted=not untrusted_node,
                slots=wallets,
                wallet_rpcs=wallet_rpc or [],
                wallet_rpc_login=wallet_rpc_login,
                proxy=proxy,
                prepared=prepared,
                watching=watch_seconds,
                guarding=guard_seconds,
            ),
            ready=lambda link: _announce(link, open_page=open_page),
            page_port=page_port if page else None,
        )
        if not in_order:
            raise typer.Exit(Exit.BUG)


@app.command()
def page(home: HomeOption = None) -> None:
    """Print a link into the running agent's own page. It works once, within ten minutes.

    Example: tripartite agent page
    """
    with exit_codes():
        from tripartite.agent.page.doors import new_link  # noqa: PLC0415 — see the module's docstring

        typer.echo(new_link(home_directory(home)))


def _announce(link: str | None, *, open_page: bool | None) -> None:
    """Say that the agent runs, and where its page is."""
    if link is not None:
        typer.echo(f"page {link}")
        if sys.stdout.isatty() if open_page is None else open_page:
            typer.launch(link)
    typer.echo("ready")


@app.command()
def status(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show every escrow, whose turn it is, and what went wrong. Needs no passphrase.

    Example: tripartite agent status --json
    """
    with exit_codes():
        from tripartite.agent.home import Home, look_into  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.status import status as read_status  # noqa: PLC0415 — see above

        directory = home_directory(home)
        journal = look_into(directory)
        shown = read_status(journal, running=Home(directory).is_running())
        journal.close()
        if as_json:
            typer.echo(json.dumps(shown, indent=1))
        else:
            print_status(shown)


@app.command()
def look(
    escrow: EscrowId,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Have the agent look at an escrow's money now. It does so by itself, but not all the time.

    For a payment that was made late or by mistake, or a chain that has turned back: what is settled
    is looked at every few minutes, what is over ever more seldom, down to once a day.

    Example: tripartite agent look 5e5e5e
    """
    with exit_codes():
        from tripartite.agent import asked_looks, deciding  # noqa: PLC0415 — see the module's docstring

        opened = open_party(home, passphrase_file, key_file)
        asked_looks.ask(opened.journal, deciding.find(opened, escrow).escrow_id)
        hand_over(opened)


@app.command()
def propose(
    *,
    arbiter: Annotated[str, typer.Option(help="The arbiter's account.")],
    amount: Annotated[str, typer.Option(help="In XMR, such as 1.25")],
    address: Annotated[
        str,
        typer.Option("--refund-address", "--payout-address", help="Where you are paid."),
    ],
    subject: Annotated[str, typer.Option(help="What is traded; only the three can read it.")],
    vendor: Annotated[str | None, typer.Option(help="The vendor's account; you buy.")] = None,
    buyer: Annotated[str | None, typer.Option(help="The buyer's account; you sell.")] = None,
    network_fee: Annotated[str, typer.Option(help="Who bears it: payee, payer, shared.")] = "payee",
    fee_allowance: Annotated[
        str | None, typer.Option(help="XMR paid in on top for the network fee (payer only).")
    ] = None,
    arbiter_fee: Annotated[str, typer.Option(help="Of a ruling, in per cent, such as 1.5")] = "0",
    platform_fee: Annotated[
        str, typer.Option(help="Of what the vendor gets, in per cent; with --platform-address.")
    ] = "0",
    platform_address: Annotated[str | None, typer.Option(help="Where that fee is paid.")] = None,
    confirmations: Annotated[
        list[str] | None,
        typer.Option(
            help="AMOUNT:NUMBER, such as 50:20: from 50 XMR on 20 confirmations. Repeatable."
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """Propose an escrow to a vendor (as the buyer) or to a buyer (as the vendor).

    Example: tripartite agent propose --vendor carol --arbiter dave --amount 1.25
    --refund-address 4… --subject "A bicycle, delivered by Friday"
    """
    with exit_codes():
        from tripartite.agent import proposing  # noqa: PLC0415 — see the module's docstring

        draft = proposing.read_draft(
            buyer=buyer,
            vendor=vendor,
            arbiter=arbiter,
            amount=amount,
            subject=subject,
            network_fee=network_fee,
            fee_allowance=fee_allowance,
            arbiter_fee=arbiter_fee,
            platform_fee=platform_fee,
            platform_address=platform_address,
            confirmations=confirmations or (),
        )
        carry_out(
            draft, address, open_party(home, passphrase_file, key_file), expect=expect, yes=yes
        )


@app.command()
def accept(
    escrow: EscrowId,
    *,
    address: Annotated[
        str | None,
        typer.Option(
            "--payout-address",
            "--refund-address",
            help="Where you are paid. A trader whose escrow gets another arbiter leaves it out.",
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    expect: Expect = None,
    yes: Yes = False,
) -> None:
    """Read a proposal and accept it.

    Example: tripartite agent accept 5e5e5e --payout-address 4…
    """
    with exit_codes():
        from tripartite.agent import deciding  # noqa: PLC0415 — see the module's docstring

        opened = open_party(home, passphrase_file, key_file)
        deciding.wait_for_names(opened, escrow)
        choice = deciding.accept(opened, escrow, address)
        compared = meet(choice.consent, choice.rows, expect, yes=yes)
        deciding.decide(opened, choice, compared)
        hand_over(opened)


def carry_out(
    draft: Draft, address: str, opened: OpenHome, *, expect: list[str] | None, yes: bool
) -> None:
    """Put the terms together, show them, ask, sign, and hand the proposal to the agent."""
    from tripartite.agent import proposing  # noqa: PLC0415 — see the module's docstring

    with proposing.directory_of(opened) as directory:
        proposal = proposing.prepare(opened, draft, address, directory)
    compared = meet(proposal.consent, proposal.rows, expect, yes=yes)
    proposing.decide(opened, proposal, compared)
    typer.echo(f"escrow {proposal.escrow_id}")
    hand_over(opened)


# Their commands stand beside ours.
app.add_typer(agent_endings.app)
app.add_typer(agent_moves.app)
app.add_typer(agent_offline.app)
app.add_typer(agent_panels.app)
