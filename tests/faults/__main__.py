"""``make faults``: kill each process at each step of an escrow; writes ``build/faults.json``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.faults import past, planning, proving, table
from tests.faults.campaign import Campaign, undisturbed
from tests.faults.running import Ending
from tests.faults.striking import VICTIMS
from tests.faults.switchboard import Kill, Point
from tests.faults.ways import Way

_RESULT: Final = Path("build") / "faults.json"
_PAGE: Final = Path("docs") / "faults.md"


def main() -> None:
    """Run, print, write. Ends with 1 if anything wasn't survived."""
    given = _arguments()
    console = Console(width=None if Console().is_terminal else 200)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}", highlight=False, markup=False)

    if given.prove:
        missed = proving.prove(say)
        for one in missed:
            say(f"NOT NOTICED: {one}")
        sys.exit(1 if missed else 0)
    before = past.read(_RESULT) if given.resume else []
    if given.forget_failures:
        before = [ending for ending in before if ending.survived]
    ways = [Way(name) for name in given.ways]
    if not given.resume:
        for way, plain in undisturbed(list(Way), say).items():
            if not plain.survived:
                raise SystemExit(f"Nobody was killed, and yet: {plain.faults}")
            points = planning.own_points(way, plain.points, planning.known_points())
            planning.write_points(way, points)
    every = [kill for way in Way for kill in planning.all_kills(planning.known_points(way), way)]
    kills = [
        kill
        for kill in every
        if kill.way in ways
        and _wanted(kill.point, given.points)
        and (given.victims is None or kill.victim in given.victims)
    ]
    if given.sample is not None:
        kills = planning.sample(kills, given.sample, given.seed)
    say(f"{len(every)} kills, of which {len(kills)} are wanted")
    _write(every, before)
    campaign = Campaign(
        kills,
        before,
        say,
        keep=lambda endings: _write(every, endings),
        per_escrow=given.per_escrow,
        devnets=given.devnets,
        deadline=None if given.minutes is None else began + given.minutes * 60,
    )
    campaign.go()
    found = table.results(every, campaign.endings)
    table.show(console, found)
    console.print(_facts(found, campaign.endings))
    if any(not ending.survived for ending in campaign.made):
        sys.exit(1)


def _facts(found: Sequence[table.Result], endings: Sequence[Ending]) -> dict[str, object]:
    """The figures at the top of file and page."""
    tally = table.counts(found)
    cells, met = table.cell_counts(found)
    return {
        "points": tally["survived"] + tally["failed"],
        "survived": tally["survived"],
        "failed": tally["failed"],
        "not_reached": tally["not reached"],
        "not_made": tally["not made"],
        "double_payouts": sum(1 for ending in endings if ending.payouts > 1),
        "stuck_without_a_kill": sum(1 for one in endings if not one.survived and not one.struck),
        "places": len({(one.kill.way, one.kill.point) for one in found}),
        "cells": cells,
        "cells_with_a_kill": met,
        "escrows": len(endings),
        "minutes": round(sum(ending.seconds for ending in endings) / 60),
    }


def _write(kills: Sequence[Kill], endings: Sequence[Ending]) -> None:
    """File and page. ``minutes`` are those of all escrows, also of those that ran side by side."""
    found = table.results(kills, endings)
    facts = _facts(found, endings)
    _RESULT.parent.mkdir(exist_ok=True)
    runs = [past.as_json(ending) for ending in endings]
    _RESULT.write_text(json.dumps({**facts, "runs": runs}, indent=1) + "\n")
    _PAGE.write_text(table.page(found, facts))


def _wanted(point: Point, words: Sequence[str] | None) -> bool:
    return words is None or any(word in str(point) for word in words)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    ways = [way.value for way in Way]
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways, help="only these endings")
    parser.add_argument("--points", nargs="+", help="only points whose name has one of these words")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, help="kill only these")
    parser.add_argument("--sample", type=int, help="make so many kills, chosen by chance")
    parser.add_argument("--seed", type=int, default=0, help="which chance (0)")
    parser.add_argument(
        "--resume", action="store_true", help="go on from what build/faults.json has"
    )
    parser.add_argument(
        "--forget-failures", action="store_true", help="make again what failed, once it is mended"
    )
    parser.add_argument("--minutes", type=float, help="begin no escrow after so many minutes")
    parser.add_argument(
        "--per-escrow", type=int, default=planning.PER_ESCROW, help="kills that share an escrow"
    )
    parser.add_argument(
        "--prove", action="store_true", help="only show that broken agents would be noticed"
    )
    parser.add_argument("--devnets", type=int, default=2, help="so many escrows at once (2)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
