"""A few kills of the many that ``make faults`` makes; others each day, on another way to the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.faults import planning
from tests.faults.running import run
from tests.faults.striking import Arena
from tests.faults.ways import Way
from tests.functional.kit.market import Market

KILLS = 5


@pytest.fixture
def arena(market: Market) -> Iterator[Arena]:
    """The market's processes, each of which stops at points."""
    made = Arena(market.devnet, market.community)
    made.open()
    try:
        yield made
    finally:
        made.close()


def test_an_escrow_survives_what_is_killed_today(arena: Arena) -> None:
    given = os.environ.get("TRIPARTITE_FAULTS_SEED")
    seed = int(given) if given else int(datetime.now(UTC).strftime("%Y%m%d"))
    way = list(Way)[seed % len(Way)]
    # Wallets are made ahead at any time, so perhaps not while this escrow goes on.
    points = [point for point in planning.known_points(way) if not point.is_aside]
    kills = planning.sample(planning.all_kills(points, way), KILLS, seed)
    print(f"TRIPARTITE_FAULTS_SEED={seed} kills again:", *kills, sep="\n  ")  # noqa: T201 — for people

    ending = run(arena, kills, way=way)

    assert ending.survived, "\n".join(ending.faults)
    assert ending.payouts == 1
    # What was killed early may take away the occasion for a later kill.
    assert ending.struck
