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

from tests.faults import past, planning, table
from tests.faults.running import Ending, run
from tests.faults.striking import VICTIMS, Arena
from tests.faults.switchboard import Kill, Point
from tripartite.devnet.network import Devnet

_RESULT: Final = Path("build") / "faults.json"
_PAGE: Final = Path("docs") / "faults.md"
_ROUNDS: Final = 3

Say = Callable[[str], None]


def main() -> None:
    """Run, print, write. Ends with 1 if anything wasn't survived."""
    given = _arguments()
    console = Console(width=None if Console().is_terminal else 200)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}", highlight=False, markup=False)

    before = past.read(_RESULT) if given.resume else []
    with _arena(say) as arena:
        plain = run(arena)
        if not plain.survived:
            raise SystemExit(f"Nobody was killed, and yet: {plain.faults}")
        if given.points is None:
            planning.write_points(plain.points)
        every = planning.all_kills(plain.points)
        wanted = [
            kill
            for kill in every
            if _wanted(kill.point, given.points)
            and (given.victims is None or kill.victim in given.victims)
        ]
        kills = wanted
        if given.sample is not None:
            kills = planning.sample(wanted, given.sample, given.seed)
        say(f"{len(plain.points)} points, {len(every)} kills, of which {len(kills)} are wanted")
        deadline = None if given.minutes is None else began + given.minutes * 60
        made: list[Ending] = []
        facts = _write(plain, every, before, began)
        for ending in _made(
            arena, kills, before, per_escrow=given.per_escrow, deadline=deadline, say=say
        ):
            made.append(ending)
            # Each time, so that a run that is broken off has its results.
            facts = _write(plain, every, [*before, *made], began)
    table.show(console, table.results(every, [*before, *made]))
    console.print(facts)
    if any(not ending.survived for ending in made):
        sys.exit(1)


def _made(
    arena: Arena,
    kills: Sequence[Kill],
    before: Sequence[Ending],
    *,
    per_escrow: int,
    deadline: float | None,
    say: Say,
) -> Iterator[Ending]:
    """All kills that aren't made; those that weren't reached twice more, in other company.

    Those that shared an escrow with a failure are made again, each alone.
    """
    endings = list(before)
    for _ in range(_ROUNDS):
        left = table.unmade(kills, endings)
        groups = planning.share_escrows(left, per_escrow) if left else []
        for number, group in enumerate(groups, start=1):
            if deadline is not None and time.monotonic() > deadline:
                say(f"time is up after {number - 1} of {len(groups)} escrows")
                return
            ending = run(arena, group)
            say(f"escrow {number}/{len(groups)}: {describe(ending)}")
            endings.append(ending)
            yield ending
            if ending.survived or len(ending.struck) == 1:
                continue
            for kill in ending.struck:
                alone = run(arena, [kill])
                say(f"  alone: {describe(alone)}")
                endings.append(alone)
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


def _write(
    plain: Ending, kills: Sequence[Kill], endings: Sequence[Ending], began: float
) -> dict[str, object]:
    """File and page; the figures at the top of both."""
    found = table.results(kills, endings)
    tally = table.counts(found)
    facts: dict[str, object] = {
        "points": tally["survived"] + tally["failed"],
        "survived": tally["survived"],
        "failed": tally["failed"],
        "not_reached": tally["not reached"],
        "not_made": tally["not made"],
        "double_payouts": sum(1 for ending in endings if ending.payouts > 1),
        "places": len(plain.points),
        "escrows": len(endings),
        "minutes": round((time.monotonic() - began) / 60),
    }
    _RESULT.parent.mkdir(exist_ok=True)
    runs = [past.as_json(ending) for ending in endings]
    _RESULT.write_text(json.dumps({**facts, "runs": runs}, indent=1) + "\n")
    _PAGE.write_text(table.page(found, facts))
    return facts


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
    parser.add_argument(
        "--resume", action="store_true", help="go on from what build/faults.json has"
    )
    parser.add_argument("--minutes", type=float, help="begin no escrow after so many minutes")
    parser.add_argument(
        "--per-escrow", type=int, default=planning.PER_ESCROW, help="kills that share an escrow"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
