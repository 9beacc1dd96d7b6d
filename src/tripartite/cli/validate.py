"""``tripartite validate``: the check before a launch, on regtest or on a node that you name."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tripartite.agent.running import read_login
from tripartite.cli.interruptions import undisturbed
from tripartite.cli.staging import stage
from tripartite.devnet.ground import RegtestGround
from tripartite.devnet.network import Devnet
from tripartite.devnet.public_ground import PublicGround
from tripartite.domain.errors import TripartiteError
from tripartite.domain.money import format_xmr
from tripartite.monero.connection import Login
from tripartite.validation.figures import Findings
from tripartite.validation.floor import Say
from tripartite.validation.page import render
from tripartite.validation.report import as_tables, to_json
from tripartite.validation.running import Plan, pace, validate

app = typer.Typer(pretty_exceptions_enable=False)


@app.command("validate")
def validate_(
    *,
    transactions: Annotated[
        int, typer.Option("--transactions", "-n", min=1, help="Escrows with a mix of endings.")
    ] = 100,
    at_once: Annotated[int, typer.Option(min=1, max=30, help="Of them at the same time.")] = 10,
    load: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Set-ups of the load trial.  [default: half the transactions]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same escrows.")] = 1,
    trials: Annotated[
        bool, typer.Option(help="Also the dispute, the RPC failure and the stuck payout.")
    ] = True,
    node: Annotated[
        str | None,
        typer.Option(
            help="A stagenet node's RPC, http://host:port, instead of a regtest of its own."
        ),
    ] = None,
    payer_rpc: Annotated[
        str | None,
        typer.Option(
            help="With --node: your wallet-rpc, which pays the deposits, http://host:port."
        ),
    ] = None,
    payer_login: Annotated[
        Path | None, typer.Option(help="File (mode 600) with its user:password.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report as JSON to this file.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write it as one HTML page to this file.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the directory with all logs and databases.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option(help="A new or empty directory for everything; a temporary one if not given."),
    ] = None,
) -> None:
    """Check before a launch: many real escrows with every ending, faults on purpose, money counted.

    Starts a coordinator and three agents of its own. Ends with 0 if everything was as it has to be,
    with 1 if anything deviates, with 130 after Ctrl-C. A hundred escrows take about half an hour
    on two cores.

    On stagenet, blocks take two minutes each, so a hundred escrows take most of a day; your wallet
    needs about 0.3 XMR (stagenet) for each of them, best in many outputs, and gets back all but fees.

    Example: tripartite validate --transactions 100 --html report.html

    Example: tripartite validate -n 10 --node http://127.0.0.1:38081 --payer-rpc
    http://127.0.0.1:38083 --payer-login login
    """
    if (node is None) != (payer_rpc is None):
        raise typer.BadParameter("Give --node and --payer-rpc together.")
    for file in filter(None, (json_file, html_file)):
        # Now, not after half an hour.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    console = Console(width=None if Console().is_terminal else 160)
    plan = Plan(
        transactions=transactions,
        at_once=at_once,
        load=transactions // 2 if load is None else load,
        seed=seed,
        trials=trials,
    )

    def work(place: Path) -> bool:
        login = read_login(payer_login)
        ground = _ground(place, plan, node=node, payer_rpc=payer_rpc, login=login)
        findings = _run(console, ground, plan)
        if json_file is not None:
            json_file.write_text(json.dumps(to_json(findings), indent=1) + "\n")
        if html_file is not None:
            html_file.write_text(render(findings))
        console.print(as_tables(findings))
        return findings.passed

    # Wallets on a public network may hold money.
    keep = keep or node is not None
    stage(console, work, name="validate", directory=directory, keep=keep)


_Ground = RegtestGround | PublicGround


def _ground(
    place: Path, plan: Plan, *, node: str | None, payer_rpc: str | None, login: Login | None
) -> _Ground:
    """A regtest of its own, or the operator's node and wallet."""
    words = pace(plan.at_once)
    if node is None or payer_rpc is None:
        return RegtestGround(Devnet.start(place, pace=words))
    return PublicGround.start(
        place, node_url=node, payer_url=payer_rpc, payer_login=login, pace=words
    )


def _run(console: Console, ground: _Ground, plan: Plan) -> Findings:
    """Everything, told line by line; whatever happens, nothing is left running."""
    began, telling = time.monotonic(), threading.Lock()

    def say(line: str) -> None:
        with telling:
            at = time.monotonic() - began
            console.print(Text(f"{at:7.1f} s  {line}"), soft_wrap=True)

    try:
        findings = validate(ground, plan, say)
        if isinstance(ground, PublicGround):
            _hand_back(ground, say)
    finally:
        with undisturbed():
            ground.stop()
    return findings


def _hand_back(ground: PublicGround, say: Say) -> None:
    """The operator's money goes home; if it can't, the findings are told all the same."""
    try:
        say(f"{format_xmr(ground.hand_back())} XMR go back to your wallet")
    except TripartiteError as error:
        say(f"What was paid out is still in {ground.directory / 'purses'}: {error.detail}")
