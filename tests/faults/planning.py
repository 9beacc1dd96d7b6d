"""Which process is killed where, and which kills share an escrow."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.faults.striking import COORDINATOR, MONEROD, agent, machine, wallets
from tests.faults.switchboard import Kill, Point
from tests.faults.ways import Way
from tripartite.domain.parties import Role

PER_ESCROW: Final = 24
"""Kills that share one escrow. Each of them costs a restart; an escrow costs as much as ten."""

_KNOWN: Final = Path(__file__).with_name("points")
"""The points of undisturbed escrows, in order, as the last ``make faults`` that looked found them."""

_FORK: Final = Point(agent(Role.BUYER), "funded decided release: at journaled")
"""Where the ways part. What comes before is the same on all of them."""

# What a wallet can't do without its node.
_ASKS_THE_NODE: Final = frozenset(
    {"refresh", "get_transfers", "transfer", "submit_multisig", "export_multisig_info"}
)


def victims_at(point: Point) -> tuple[str, ...]:
    """Who is killed there, one at a time.

    Where a process talks to itself: that one. Where it calls another: either. Where a message has
    been put on record: each process there is, as that is between two messages for all of them.
    """
    if point.who == COORDINATOR:
        everybody = [name(role) for role in Role for name in (agent, wallets, machine)]
        between = point.name.endswith("before the answer")
        return (COORDINATOR, *([MONEROD, *everybody] if between else []))
    role = Role(point.who.partition(" ")[0])
    victims = [agent(role), machine(role)]
    _, _, what = point.name.partition(": ")
    _, _, call = what.partition(" ")
    whom, _, method = call.partition(" ")
    if whom == "wallet":
        victims.append(wallets(role))
    if whom == "node" or method in _ASKS_THE_NODE:
        victims.append(MONEROD)
    return tuple(victims)


def known_points(way: Way = Way.RELEASE) -> list[Point]:
    """The points of this way, as ``own_points``."""
    return [Point.read(line) for line in _file(way).read_text().splitlines()]


def write_points(way: Way, points: Iterable[Point]) -> None:
    """Replace what is known of this way."""
    _file(way).write_text("".join(f"{point}\n" for point in points))


def own_points(way: Way, seen: Iterable[Point], released: Iterable[Point]) -> list[Point]:
    """Of what an escrow passed: all on the way of release, on others what comes after the fork.

    ``released`` are the points of the way of release. Wallets are made ahead at any time: there too.
    """
    if way is Way.RELEASE:
        return list(seen)
    before = set(itertools.takewhile(lambda point: point != _FORK, released))
    return [point for point in seen if point not in before and not point.is_aside]


def _file(way: Way) -> Path:
    return _KNOWN / f"{way.value}.txt"


def all_kills(points: Iterable[Point], way: Way = Way.RELEASE) -> list[Kill]:
    """Every kill, in the order of the points."""
    return [Kill(point, victim, way) for point in points for victim in victims_at(point)]


def first_of_cells(
    kills: Sequence[Kill], made: Iterable[Kill], cell: Callable[[Kill], object], *, seed: int
) -> list[Kill]:
    """One kill for each cell that has none made, by chance; in their order."""
    missing: dict[object, list[Kill]] = {}
    met = {cell(kill) for kill in made}
    for kill in kills:
        if cell(kill) not in met:
            missing.setdefault(cell(kill), []).append(kill)
    chance = random.Random(seed)
    chosen = {chance.choice(there) for there in missing.values()}
    return [kill for kill in kills if kill in chosen]


def sample(kills: Sequence[Kill], count: int, seed: int) -> list[Kill]:
    """So many of them, each as likely as the others, in their order. The same for one seed."""
    chosen = set(random.Random(seed).sample(range(len(kills)), min(count, len(kills))))
    return [kill for at, kill in enumerate(kills) if at in chosen]


def share_escrows(kills: Sequence[Kill], per_escrow: int = PER_ESCROW) -> list[list[Kill]]:
    """Groups of kills for one escrow each, as far from one another as possible.

    Each group goes one way; the ways take turns.
    """
    turns = []
    for way in Way:
        there = [kill for kill in kills if kill.way is way]
        groups = -(-len(there) // per_escrow)
        turns.append([there[at::groups] for at in range(groups)])
    return [group for turn in itertools.zip_longest(*turns) for group in turn if group]
