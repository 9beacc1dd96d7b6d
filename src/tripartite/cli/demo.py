"""``tripartite demo``: one escrow on a regtest network of its own, from proposal to payout."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tripartite.cli.interruptions import undisturbed
from tripartite.cli.staging import stage
from tripartite.devnet.deals import Deal
from tripartite.devnet.demonstration import SUBJECT, Audience, Outcome, perform
from tripartite.devnet.network import Devnet
from tripartite.domain.errors import TripartiteError
from tripartite.domain.money import format_xmr, parse_xmr
from tripartite.domain.parties import Role

_BLOCK_EVERY_SECONDS: Final = 5.0

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def demo(
    amount: Annotated[str, typer.Option(help="What is agreed on, in XMR.")] = "1.5",
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Leave everything running until Ctrl-C, and keep its directory.",
        ),
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option(help="A new or empty directory for everything; a temporary one if not given."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Run one escrow with real daemons on a regtest chain, and check what everybody learned.

    Starts monerod, the coordinator and three agents on free ports, all below one directory, and
    ends them again. Ends with 1 if anything is otherwise than it should be.

    Example: tripartite demo --amount 0.25 --keep
    """
    console = Console(stderr=as_json)
    try:
        piconero = parse_xmr(amount)
    except TripartiteError as error:
        raise typer.BadParameter(f"{error.title()}: {error.detail}") from error
    stage(
        console,
        lambda place: _run(console, piconero, place=place, keep=keep, as_json=as_json),
        name="demo",
        directory=directory,
        keep=keep,
    )


def _run(console: Console, amount: int, *, place: Path, keep: bool, as_json: bool) -> bool:
    """Whether everything was as it should be."""
    stage = _Board(console) if console.is_terminal else _Lines(console)
    with stage.shown() as audience:
        began = time.monotonic()
        audience.begins(_STARTING)
        devnet = Devnet.start(place)
        try:
            seconds = time.monotonic() - began
            audience.ends(_STARTING, seconds)
            outcome = perform(devnet, audience, amount=amount, start_seconds=seconds)
            wrong = [*outcome.deviations(), *devnet.troubles()]
            stage.close()
            if as_json:
                typer.echo(json.dumps(outcome.to_json(), indent=2))
            else:
                console.print(_summary(outcome))
            for complaint in wrong:
                console.print(Text(f"Wrong: {complaint}", style="red"))
            if keep:
                _stay(console, devnet)
        finally:
            with undisturbed():
                devnet.stop()
    return not wrong


_STARTING: Final = "start the network"


class _Lines:
    """Progress where nobody watches a terminal: one line per piece of news."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[Audience]:
        yield self

    def close(self) -> None:
        """Nothing to take down."""

    def begins(self, phase: str) -> None:
        self._tell(f"{phase} …")

    def ends(self, phase: str, seconds: float) -> None:
        self._tell(f"{phase}: {seconds:.1f} s")

    def says(self, role: Role, what: str) -> None:
        self._tell(f"{role.value}: {what}")

    def happens(self, what: str) -> None:
        self._tell(what)

    def _tell(self, what: str) -> None:
        at = time.monotonic() - self._began
        self._console.print(Text(f"{at:6.1f} s  {what}"), soft_wrap=True)


class _Board:
    """Progress on a terminal: the phases, and what each party said last."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phases: dict[str, float | None] = {}
        self._began = 0.0
        self._said: dict[Role, list[str]] = {role: [] for role in Role}
        self._live = Live(console=console, get_renderable=self._drawn, refresh_per_second=8)

    @contextmanager
    def shown(self) -> Iterator[Audience]:
        with self._live:
            yield self

    def close(self) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    def begins(self, phase: str) -> None:
        self._phases[phase] = None
        self._began = time.monotonic()

    def ends(self, phase: str, seconds: float) -> None:
        self._phases[phase] = seconds

    def says(self, role: Role, what: str) -> None:
        self._said[role].append(what)

    def happens(self, what: str) -> None:
        self._live.console.print(Text(what, style="dim"), soft_wrap=True)

    def _drawn(self) -> RenderableType:
        phases = Table.grid(padding=(0, 2))
        for phase, seconds in self._phases.items():
            shown = time.monotonic() - self._began if seconds is None else seconds
            mark = Text("…", style="yellow") if seconds is None else Text("✓", style="green")
            phases.add_row(mark, phase, f"{shown:5.1f} s")
        parties = Table(box=None, padding=(0, 2))
        parties.add_column("party")
        parties.add_column("messages", justify="right")
        parties.add_column("said last")
        for role, said in self._said.items():
            parties.add_row(role.value, str(len(said)), said[-1] if said else "")
        return Group(phases, parties)


def _summary(outcome: Outcome) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("escrow", outcome.escrow_id),
        ("contract", outcome.contract_id),
        ("deposit address", outcome.address),
        ("payout transaction", outcome.txid),
        ("confirmations", str(outcome.confirmations)),
        ("agreed amount", f"{format_xmr(outcome.amount)} XMR"),
        ("network fee", f"{format_xmr(outcome.fee)} XMR"),
        ("in the vendor's wallet", f"{format_xmr(outcome.received)} XMR"),
    ):
        facts.add_row(name, Text(value, overflow="fold"))
    times = Table("phase", "seconds", title="Time", title_justify="left")
    for phase, seconds in outcome.phases.items():
        times.add_row(phase, f"{seconds:.1f}")
    knowledge = Table("process", "knew", "did not know", title_justify="left")
    knowledge.title = "Who knew what, by a search of everything each process keeps"
    for process in dict.fromkeys(claim.process for claim in outcome.claims):
        of_it = [claim for claim in outcome.claims if claim.process == process]
        knowledge.add_row(
            process,
            ", ".join(claim.fact for claim in of_it if claim.knows),
            ", ".join(claim.fact for claim in of_it if not claim.knows),
        )
    return Group(facts, "", times, "", knowledge)


def _stay(console: Console, devnet: Devnet) -> None:
    """Leave a living escrow to look at: say where everything is, pay and mine until Ctrl-C."""
    places = Table.grid(padding=(0, 2))
    places.add_row("directory", str(devnet.directory))
    places.add_row("coordinator, API", f"{devnet.community.coordinator.url}/api/openapi.json")
    places.add_row("monerod", devnet.chain.url)
    for name, pid in devnet.pids().items():
        places.add_row(f"{name}, pid", str(pid))
    console.print("", places)
    deal = Deal.propose(devnet, subject=SUBJECT)
    pages = devnet.community.coordinator.url.replace("127.0.0.1", "localhost")
    console.print()
    console.print(
        Text(
            "Another escrow waits to be clicked through: "
            f"{pages}/escrows/{deal.escrow_id}\n"
            "Be all three. The coordinator's pages know one person per browser: use a private window "
            "for the second, or sign out. The agents' pages go side by side."
        ),
        soft_wrap=True,
    )
    for party in devnet.community.parties.values():
        link = party.page_link()
        port = urlsplit(link).port
        console.print()
        console.print(
            Text(
                f"{party.role.value}: account {party.name}, password {party.password.reveal()}\n"
                f"  sign in       {pages}/login?next=/account/agent%3Fport%3D{port}\n"
                "                then press “Use it”: links lead to this agent from then on\n"
                f"  agent's page  {link}\n"
                "                works once, for ten minutes; a new one:\n"
                f"                {party.shell_command('page')}\n"
                f"  is paid at    {party.address}"
            ),
            soft_wrap=True,
        )
    if shutil.which("tripartite") is None:
        # As after `make demo`: the program is in the virtual environment alone.
        console.print()
        console.print(
            Text(f"Before you type a command: export PATH={Path(sys.executable).parent}:$PATH"),
            soft_wrap=True,
        )
    console.print(
        Text(
            "\nFirst, vendor and arbiter accept on their agents' pages. Then the demo pays the "
            f"deposit for the buyer, and mines a block every {_BLOCK_EVERY_SECONDS:.0f} s. When ten "
            "have confirmed it, the buyer releases the money, or somebody opens a dispute.\n"
            "Ctrl-C here ends everything."
        )
    )
    paid = False
    try:
        while True:
            time.sleep(_BLOCK_EVERY_SECONDS)
            if not paid and deal.is_keyed():
                deal.pay()
                paid = True
                console.print(f"The buyer paid the deposit of {deal.escrow_id}.")
            devnet.chain.mine()
    except KeyboardInterrupt:
        console.print("Ending everything.")
