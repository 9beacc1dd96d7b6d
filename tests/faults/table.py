"""What came of all kills: a table for people, a file for programs, a page for the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.faults.running import Ending
from tests.faults.striking import VICTIMS
from tests.faults.switchboard import Kill
from tests.faults.ways import Way

_SURVIVED: Final = "survived"
_FAILED: Final = "failed"
_UNREACHED: Final = "not reached"
"""It was to be made, but what was killed before took the occasion away."""
_LEFT: Final = "not made"


@dataclass(frozen=True, slots=True)
class Result:
    """One kill and its outcome."""

    kill: Kill
    outcome: str

    @property
    def made(self) -> bool:
        """Whether it was made."""
        return self.outcome in (_SURVIVED, _FAILED)


def row_of(kill: Kill) -> str:
    """The step of the protocol, for whoever it was."""
    who = kill.point.who.removesuffix(" agent")
    return kill.point.step if who == "coordinator" else f"{who}: {kill.point.step}"


def cell_of(kill: Kill) -> tuple[str, str, str]:
    """Its place in the tables: way, row, column."""
    return kill.way.value, row_of(kill), kill.victim


def results(kills: Sequence[Kill], endings: Sequence[Ending]) -> list[Result]:
    """What came of each kill.

    It failed if it was among those of a failure that no smaller failure explains; it survived if
    any escrow that it struck did. What only was in company of a culprit is to be made again.
    """
    failures = [frozenset(one.struck) for one in endings if not one.survived]
    # An escrow that failed though nobody was killed in it says nothing of any kill.
    blamed = {
        kill
        for failure in failures
        if not any(other and other < failure for other in failures)
        for kill in failure
    }
    survived = {kill for one in endings if one.survived for kill in one.struck}
    missed = {kill for one in endings for kill in one.kills if kill not in one.struck}

    def outcome(kill: Kill) -> str:
        if kill in blamed:
            return _FAILED
        if kill in survived:
            return _SURVIVED
        return _UNREACHED if kill in missed else _LEFT

    return [Result(kill, outcome(kill)) for kill in kills]


def unmade(kills: Sequence[Kill], endings: Sequence[Ending]) -> list[Kill]:
    """The kills of which nothing is known yet."""
    return [one.kill for one in results(kills, endings) if not one.made]


def counts(found: Sequence[Result]) -> dict[str, int]:
    """How many came out how."""
    return {
        name: sum(1 for one in found if one.outcome == name)
        for name in (_SURVIVED, _FAILED, _UNREACHED, _LEFT)
    }


def cells(found: Sequence[Result]) -> dict[str, dict[str, str]]:
    """Step by victim: how many of how many survived."""
    table: dict[str, dict[str, list[Result]]] = {}
    for one in found:
        table.setdefault(row_of(one.kill), {}).setdefault(one.kill.victim, []).append(one)
    return {
        row: {victim: _cell(there) for victim, there in columns.items()}
        for row, columns in table.items()
    }


def cell_counts(found: Sequence[Result]) -> tuple[int, int]:
    """How many cells there are, and in how many of them a kill was made."""
    every = {cell_of(one.kill) for one in found}
    return len(every), len({cell_of(one.kill) for one in found if one.made})


def show(console: Console, found: Sequence[Result]) -> None:
    """Print the tables: a row for each step, a column for each process."""
    for way, there in _by_way(found).items():
        table = Table(title=f"{way.value}: kills survived, of kills made")
        table.add_column("step")
        for victim in VICTIMS:
            table.add_column(victim, justify="right")
        for row, columns in cells(there).items():
            table.add_row(row, *(columns.get(victim, "") for victim in VICTIMS))
        console.print(table)
    for one in found:
        if one.outcome == _FAILED:
            console.print(f"FAILED: {one.kill}", highlight=False)


def page(found: Sequence[Result], facts: Mapping[str, object]) -> str:
    """``docs/faults.md``."""
    lines = [
        "# Kills survived",
        "",
        "Written by `make faults`, which takes hours; so nothing checks that this page is fresh.",
        "The [developer's guide](guides/developer.md#killing-everything) says what is done. Each",
        "cell says how many kills were survived, of how many made, of how many there are to make;",
        "– is a cell in which none was made yet.",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()),
    ]
    for way, there in _by_way(found).items():
        tally = counts(there)
        lines += [
            "",
            f"## {way.value.capitalize()}",
            "",
            _ABOUT[way],
            "",
            ", ".join(f"{name}: {count}" for name, count in tally.items()) + ".",
            "",
            "| step | " + " | ".join(VICTIMS) + " |",
            "| --- |" + " ---: |" * len(VICTIMS),
        ]
        for row, columns in cells(there).items():
            lines.append(f"| {row} | " + " | ".join(columns.get(v, "") for v in VICTIMS) + " |")
    failed = [one.kill for one in found if one.outcome == _FAILED]
    if failed:
        lines += ["", "## Not survived", "", *(f"- {kill}" for kill in failed)]
    return "\n".join([*lines, ""])


_ABOUT: Final = {
    Way.RELEASE: "From the proposal on; the buyer lets the vendor have the money.",
    Way.REFUND: "From the deposit on; the vendor gives the money back.",
    Way.SETTLEMENT: "From the deposit on; the buyer offers a split and the vendor agrees.",
    Way.RULING: (
        "From the deposit on; the buyer disputes and shows a file, the vendor answers, the arbiter "
        "rules for the buyer and these two pay."
    ),
}


def _by_way(found: Sequence[Result]) -> dict[Way, list[Result]]:
    parted = {way: [one for one in found if one.kill.way is way] for way in Way}
    return {way: there for way, there in parted.items() if there}


def _cell(there: Sequence[Result]) -> str:
    made = [one for one in there if one.made]
    if not made:
        return "–"
    survived = sum(1 for one in made if one.outcome == _SURVIVED)
    return f"{survived}/{len(made)}" + (f" of {len(there)}" if len(there) > len(made) else "")
