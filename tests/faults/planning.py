"""Which process is killed where, and which kills share an escrow."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.faults.striking import COORDINATOR, MONEROD, agent, machine, wallets
from tests.faults.switchboard import Kill, Point
from tripartite.domain.parties import Role

PER_ESCROW: Final = 8
"""Kills that share one escrow. Each of them costs a restart, each escrow two dozen blocks."""

KNOWN: Final = Path(__file__).with_name("points.txt")
"""The points of an undisturbed escrow, in order, as the last whole ``make faults`` found them."""

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


def known_points() -> list[Point]:
    """The points in ``KNOWN`` that each escrow passes: wallets are made ahead at any time."""
    points = map(Point.read, KNOWN.read_text().splitlines())
    return [point for point in points if not point.is_aside]


def write_points(points: Iterable[Point]) -> None:
    """Replace ``KNOWN``."""
    KNOWN.write_text("".join(f"{point}\n" for point in points))


def all_kills(points: Iterable[Point]) -> list[Kill]:
    """Every kill, in the order of the points."""
    return [Kill(point, victim) for point in points for victim in victims_at(point)]


def sample(kills: Sequence[Kill], count: int, seed: int) -> list[Kill]:
    """So many of them, each as likely as the others, in their order. The same for one seed."""
    chosen = set(random.Random(seed).sample(range(len(kills)), min(count, len(kills))))
    return [kill for at, kill in enumerate(kills) if at in chosen]


def share_escrows(kills: Sequence[Kill], per_escrow: int = PER_ESCROW) -> list[list[Kill]]:
    """Groups of kills for one escrow each, as far from one another as possible."""
    groups = max(1, -(-len(kills) // per_escrow))
    return [list(kills[at::groups]) for at in range(groups)]
