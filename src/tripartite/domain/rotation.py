"""Whose turn it is: a rotation that anybody can check. Pure.

Those with the least open work come first; among equals the seed decides, through SHA-256. Who knows
the candidates, their open work and the seed computes the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from tripartite.domain.errors import Refused


class ArbiterOffline(Refused):
    """This arbiter's agent is away, so it isn't given new escrows."""

    code: ClassVar[str] = "arbiter_offline"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An arbiter who could be given work, and how many open escrows they have."""

    name: str
    open_work: int


def rotation(candidates: Iterable[Candidate], *, seed: str) -> tuple[str, ...]:
    """Their names, the one whose turn it is first."""
    ranked = sorted(candidates, key=lambda one: (one.open_work, _lot(one.name, seed), one.name))
    return tuple(one.name for one in ranked)


def _lot(name: str, seed: str) -> str:
    # The length keeps seed and name apart: no other pair gives the same text.
    return hashlib.sha256(f"{len(seed)}:{seed}:{name}".encode()).hexdigest()
