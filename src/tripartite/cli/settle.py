"""``tripartite settle``: finish an escrow without the coordinator, by files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.cli.agent_home import (
    EscrowId,
    HomeOption,
    KeyFile,
    PassphraseFile,
    home_directory,
    open_party,
)
from tripartite.cli.exits import exit_codes

if TYPE_CHECKING:
    from tripartite.agent.offline.settling import Standing

app = typer.Typer()

NodeUrl = Annotated[str, typer.Option("--node", help="Your Monero node's RPC, http://host:port")]
NodeLogin = Annotated[Path | None, typer.Option(help="File (mode 600) with user:password.")]
NodeProxy = Annotated[str | None, typer.Option(help="SOCKS proxy to the node, ip:port")]
Untrusted = Annotated[bool, typer.Option("--untrusted-node", help="The node isn't yours.")]


@app.command()
def settle(
    escrow: EscrowId,
    *,
    node: NodeUrl,
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A file that another party sent you. Repeatable."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file to write for the other party.")
    ] = None,
    despite: Annotated[
        str | None, typer.Option(help="Go on although the agent stopped with this code.")
    ] = None,
    node_login: NodeLogin = None,
    node_proxy: NodeProxy = None,
    untrusted_node: Untrusted = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
) -> None:
    """Without the coordinator: take in the other party's file, do what is due, write yours.

    Decide first, as always: `tripartite agent release`, `refund` and so on. Nothing is sent from
    here but the payout itself; you hand the files over. There is no way back to a coordinator.

    Example: tripartite settle 5e5e5e --node http://127.0.0.1:18081 --from yours --to mine
    """
    with exit_codes():
        from tripartite.agent import deciding  # noqa: PLC0415 — slow to import; --help answers at once
        from tripartite.agent.offline import settling  # noqa: PLC0415 — as above
        from tripartite.agent.running import log_to, read_login  # noqa: PLC0415 — as above
        from tripartite.agent.wallets.records import Node  # noqa: PLC0415 — as above

        log_to(home_directory(home) / "settle.log")
        opened = open_party(home, passphrase_file, key_file)
        standing = settling.settle(
            opened,
            deciding.find(opened, escrow).escrow_id,
            node=Node(node, read_login(node_login), node_proxy, not untrusted_node),
            files=from_ or (),
            out=to,
            despite=despite,
        )
        _print_standing(standing, to)
        opened.journal.close()


def _print_standing(standing: Standing, out: Path | None) -> None:
    """What was done, and who gets which file next."""
    typer.echo(f"state {standing.case.record.state.value}")
    typer.echo(f"taken in {standing.news}")
    for code, _ in standing.set_aside:
        typer.echo(f"set aside {code}")
    for kind in standing.said:
        typer.echo(f"said {kind}")
    if standing.txid is not None:
        typer.echo(f"payout {standing.txid}")
    for role, what in standing.waiting_on:
        typer.echo(f"waiting for {role.value} {what}")
    if standing.listening:
        typer.echo(
            "This home was restored, and says nothing before it has heard another party: send "
            "them your file, and take in theirs.",
            err=True,
        )
    if out is not None:
        typer.echo(f"send {out} to {standing.for_whom.value if standing.for_whom else 'the other'}")
    elif standing.for_whom is not None and standing.said:
        typer.echo("Nothing was written; run it again with --to FILE.", err=True)
