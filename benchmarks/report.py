"""The figures and the traces as tables; plain text where there is no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import zip_longest
from statistics import mean as average
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import trace
from benchmarks.ceremony import ROUND_NAMES, rounds_of
from benchmarks.figures import Compared, Samples, cpu_per_escrow, memory_per_escrow, rate
from benchmarks.measuring import Pair
from benchmarks.relay import RelayFigures
from tripartite.domain.parties import Role

MOST_RATIO: Final = 1.15
_WISHED_SECONDS: Final = 1.5
_WISHED_RATE: Final = 1_000


def show_figures(console: Console, samples: Samples) -> None:
    """One line per figure, with what is aimed at."""
    table = Table(title="Figures (medians)", title_justify="left")
    for heading in ("what", "figure", "aim", "samples"):
        table.add_column(heading, justify="right" if heading == "figure" else "left")
    for name, one in (("prepared", samples.prepared), ("inline", samples.inline)):
        if one is not None:
            _show_compared(table, name, one)
    if samples.relay is not None:
        _show_relay(table, samples.relay)
    console.print(table)


def show_calls(console: Console, name: str, pairs: Sequence[Pair]) -> None:
    """What the wallets were asked, ours beside the bare script's, from the last set-up."""
    last = pairs[-1]
    table = Table(title=f"Wallet calls of one set-up, {name}", title_justify="left")
    for heading in ("round", "bare script", *(role.value for role in Role)):
        table.add_column(heading)
    parts = [rounds_of(calls) for calls in (last.raw.calls, *map(last.ours.calls, Role))]
    names = ("making", *ROUND_NAMES)
    for number, row in enumerate(zip_longest(*parts, fillvalue=())):
        table.add_row(names[number] if number < len(names) else "", *map("\n".join, row))
    counts = [str(sum(map(len, part))) for part in parts]
    table.add_row("calls", *counts)
    console.print(table)


def show_trace(console: Console, name: str, pairs: Sequence[Pair]) -> None:
    """Where the time goes, in milliseconds, along the last party of each round."""
    table = Table(title=f"Milliseconds per round, {name} (means)", title_justify="left")
    parts = [one.name for one in fields(trace.Leg)]
    for heading in ("round", *parts, "total", "raw"):
        table.add_column(heading, justify="left" if heading == "round" else "right")
    means = trace.mean([trace.legs(pair.ours) for pair in pairs])
    raws = [average(times) for times in zip(*(pair.raw.rounds for pair in pairs), strict=True)]
    # The bare script's first part is the making of the wallets; ours is in the first round.
    raws[:2] = [raws[0] + raws[1]]
    for title, leg, raw in zip(ROUND_NAMES, means, raws, strict=True):
        cells = [_ms(getattr(leg, part)) for part in parts]
        table.add_row(title, *cells, _ms(leg.total), _ms(raw))
    sums = [_ms(sum(getattr(leg, part) for leg in means)) for part in parts]
    table.add_row("all", *sums, _ms(sum(leg.total for leg in means)), _ms(sum(raws)))
    console.print(table)


def _show_compared(table: Table, name: str, one: Compared) -> None:
    wished = f"≤ {_WISHED_SECONDS} s" if name == "prepared" else ""
    table.add_row(f"set-up, wallets {name}: ratio", f"{one.ratio:.2f}", f"≤ {MOST_RATIO}", "")
    table.add_row("  ours", f"{one.our_seconds:.3f} s", wished, _listed(one.ours))
    table.add_row("  bare wallet calls", f"{one.raw_seconds:.3f} s", "", _listed(one.raw))
    same = "yes" if one.same_calls else "no: see --verbose"
    table.add_row("  same wallet calls", same, "yes", "")


def _show_relay(table: Table, relay: RelayFigures) -> None:
    rates = " ".join(f"{one.per_cpu_second:.0f}" for one in relay.stored)
    pushed = " ".join(f"{one.per_cpu_second:.0f}" for one in relay.pushed)
    table.add_row(
        "messages stored per CPU-second", f"{rate(relay.stored):.0f}", f"≥ {_WISHED_RATE}", rates
    )
    table.add_row("  and pushed to three listeners", f"{rate(relay.pushed):.0f}", "", pushed)
    table.add_row("coordinator CPU per set-up", f"{cpu_per_escrow(relay.stored) * 1e3:.0f} ms")
    table.add_row(
        "coordinator memory (RSS)",
        f"{relay.after.rss_mib:.0f} MiB",
        "",
        f"{memory_per_escrow(relay):+.1f} KiB per escrow",
    )


def _listed(seconds: Sequence[float]) -> str:
    return " ".join(f"{one:.3f}" for one in seconds)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"
