"""``make faults``: kill each process at each step of an escrow; writes ``build/faults.json``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.faults import planning, table
from tests.faults.running import Ending, run
from tests.faults.striking import VICTIMS, Arena
from tests.faults.switchboard import Kill, Point
from tripartite.devnet.network import Devnet

_RESULT: Final = Path("build") / "faults.json"
_PAGE: Final = Path("docs") / "faults.md"

Say = Callable[[str], None]


def main() -> None:
    """Run, print, write. Ends with 1 if anything wasn't survived."""
    given = _arguments()
    console = Console(width=None if Console().is_terminal else 200)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}", highlight=False, markup=False)

    with _arena(say) as arena:
        plain = run(arena)
        if not plain.survived:
            raise SystemExit(f"Nobody was killed, and yet: {plain.faults}")
        planning.write_points(plain.points)
        points = [point for point in plain.points if _wanted(point, given.points)]
        every = [
            kill
            for kill in planning.all_kills(points)
            if given.victims is None or kill.victim in given.victims
        ]
        kills = every if given.sample is None else planning.sample(every, given.sample, given.seed)
        say(f"{len(plain.points)} points, {len(every)} kills, of which {len(kills)} are made")
        deadline = None if given.minutes is None else began + given.minutes * 60
        endings = list(_made(arena, kills, per_escrow=given.per_escrow, deadline=deadline, say=say))
    _report(console, plain, kills, endings, began)
    if any(not ending.survived for ending in endings):
        sys.exit(1)


def _made(
    arena: Arena,
    kills: Sequence[Kill],
    *,
    per_escrow: int,
    deadline: float | None,
    say: Say,
) -> Iterator[Ending]:
    """All kills; those that shared an escrow with a failure once more, each alone."""
    groups = planning.share_escrows(kills, per_escrow)
    for number, group in enumerate(groups, start=1):
        if deadline is not None and time.monotonic() > deadline:
            say(f"time is up after {number - 1} of {len(groups)} escrows")
            return
        ending = run(arena, group)
        say(f"escrow {number}/{len(groups)}: {describe(ending)}")
        yield ending
        if ending.survived or len(ending.struck) == 1:
            continue
        for kill in ending.struck:
            alone = run(arena, [kill])
            say(f"  alone: {describe(alone)}")
            yield alone


def describe(ending: Ending) -> str:
    """One line, and more only if something is wrong."""
    verdict = "survived" if ending.survived else "FAILED"
    line = (
        f"{verdict} {len(ending.struck)} of {len(ending.kills)} kills, "
        f"{ending.attempts} key exchanges, {ending.payout_restarts} payout restarts, "
        f"{ending.seconds:.0f} s {' '.join(ending.alarms)}"
    )
    return "\n".join([line, *ending.faults, *(map(str, ending.struck) if ending.faults else ())])


def _report(
    console: Console, plain: Ending, kills: Sequence[Kill], endings: Sequence[Ending], began: float
) -> None:
    found = table.results(kills, endings)
    table.show(console, found)
    tally = table.counts(found)
    facts: dict[str, object] = {
        "points": len(kills) - tally["not reached"],
        "survived": tally["survived"],
        "failed": tally["failed"],
        "not_reached": tally["not reached"],
        "double_payouts": sum(1 for ending in endings if ending.payouts > 1),
        "places": len(plain.points),
        "escrows": len(endings),
        "minutes": round((time.monotonic() - began) / 60),
    }
    console.print(facts)
    _RESULT.parent.mkdir(exist_ok=True)
    runs = [_as_json(ending) for ending in endings]
    _RESULT.write_text(json.dumps({**facts, "runs": runs}, indent=1) + "\n")
    _PAGE.write_text(table.page(found, facts))


def _as_json(ending: Ending) -> dict[str, object]:
    return {
        "kills": [{"point": str(kill.point), "victim": kill.victim} for kill in ending.kills],
        "struck": [{"point": str(kill.point), "victim": kill.victim} for kill in ending.struck],
        "survived": ending.survived,
        "faults": ending.faults,
        "payouts": ending.payouts,
        "key_exchanges": ending.attempts,
        "payout_restarts": ending.payout_restarts,
        "alarms": ending.alarms,
        "seconds": round(ending.seconds, 1),
    }


@contextmanager
def _arena(say: Say) -> Iterator[Arena]:
    directory = Path(tempfile.mkdtemp(prefix="tripartite-faults-"))
    devnet = Devnet.start(directory)
    done = False
    try:
        arena = Arena(devnet, devnet.community)
        arena.open()
        say(f"the devnet runs in {directory}")
        yield arena
        done = not devnet.troubles()
    finally:
        devnet.stop()
        if done:
            shutil.rmtree(directory)


def _wanted(point: Point, words: Sequence[str] | None) -> bool:
    return words is None or any(word in str(point) for word in words)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--points", nargs="+", help="only points whose name has one of these words")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, help="kill only these")
    parser.add_argument("--sample", type=int, help="make so many kills, chosen by chance")
    parser.add_argument("--seed", type=int, default=0, help="which chance (0)")
    parser.add_argument("--minutes", type=float, help="begin no escrow after so many minutes")
    parser.add_argument(
        "--per-escrow", type=int, default=planning.PER_ESCROW, help="kills that share an escrow"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
