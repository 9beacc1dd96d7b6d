"""What earlier runs found, as ``build/faults.json`` keeps it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.running import Ending
from tests.faults.switchboard import Kill, Point
from tests.faults.ways import Way


def as_json(ending: Ending) -> dict[str, object]:
    """One escrow."""
    return {
        "way": ending.way.value,
        "kills": [_written(kill) for kill in ending.kills],
        "struck": [_written(kill) for kill in ending.struck],
        "survived": ending.survived,
        "faults": ending.faults,
        "payouts": ending.payouts,
        "key_exchanges": ending.attempts,
        "payout_restarts": ending.payout_restarts,
        "alarms": ending.alarms,
        "seconds": round(ending.seconds, 1),
    }


def read(file: Path) -> list[Ending]:
    """The escrows in a file, which may be missing."""
    if not file.exists():
        return []
    return [
        Ending(
            way=Way(one["way"]),
            kills=tuple(_read(kill, Way(one["way"])) for kill in one["kills"]),
            struck=tuple(_read(kill, Way(one["way"])) for kill in one["struck"]),
            points=(),
            faults=tuple(one["faults"]),
            payouts=int(one["payouts"]),
            attempts=int(one["key_exchanges"]),
            payout_restarts=int(one["payout_restarts"]),
            alarms=tuple(one["alarms"]),
            seconds=float(one["seconds"]),
        )
        for one in json.loads(file.read_text())["runs"]
    ]


def _written(kill: Kill) -> dict[str, str]:
    return {"point": str(kill.point), "victim": kill.victim}


def _read(kill: dict[str, str], way: Way) -> Kill:
    return Kill(Point.read(kill["point"]), kill["victim"], way)
