"""What came of all kills: a table for people, a file for programs, a page for the docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.faults.running import Ending
from tests.faults.striking import VICTIMS
from tests.faults.switchboard import Kill

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
    def row(self) -> str:
        """The step of the protocol, for whoever it was."""
        who = self.kill.point.who.removesuffix(" agent")
        return self.kill.point.step if who == "coordinator" else f"{who}: {self.kill.point.step}"


def results(kills: Sequence[Kill], endings: Iterable[Ending]) -> list[Result]:
    """What came of each kill: survived if every escrow that it struck did."""
    outcomes = dict.fromkeys(kills, _LEFT)
    for ending in endings:
        struck = _SURVIVED if ending.survived else _FAILED
        for kill in ending.kills:
            if kill in outcomes and outcomes[kill] not in (_SURVIVED, _FAILED):
                outcomes[kill] = struck if kill in ending.struck else _UNREACHED
            elif kill in outcomes and kill in ending.struck and struck == _FAILED:
                outcomes[kill] = _FAILED
    return [Result(kill, outcome) for kill, outcome in outcomes.items()]


def unmade(kills: Sequence[Kill], endings: Iterable[Ending]) -> list[Kill]:
    """The kills that no escrow has met yet."""
    return [one.kill for one in results(kills, endings) if one.outcome not in (_SURVIVED, _FAILED)]


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
        table.setdefault(one.row, {}).setdefault(one.kill.victim, []).append(one)
    return {
        row: {victim: _cell(there) for victim, there in columns.items()}
        for row, columns in table.items()
    }


def show(console: Console, found: Sequence[Result]) -> None:
    """Print the table: a row for each step, a column for each process."""
    table = Table(title="kills survived, of kills made")
    table.add_column("step")
    for victim in VICTIMS:
        table.add_column(victim, justify="right")
    for row, columns in cells(found).items():
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
        "cell says how many kills were survived, of how many made; – is one that isn't made yet.",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()),
        "",
        "| step | " + " | ".join(VICTIMS) + " |",
        "| --- |" + " ---: |" * len(VICTIMS),
    ]
    for row, columns in cells(found).items():
        lines.append(f"| {row} | " + " | ".join(columns.get(v, "") for v in VICTIMS) + " |")
    return "\n".join([*lines, ""])


def _cell(there: Sequence[Result]) -> str:
    made = [one for one in there if one.outcome in (_SURVIVED, _FAILED)]
    if not made:
        return "–"
    return f"{sum(1 for one in made if one.outcome == _SURVIVED)}/{len(made)}"
