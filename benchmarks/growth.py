"""Does it leak? A rule over what a soak saw. Pure.

A leak is what grows with the escrows that were carried to their end, and goes on growing. The
samples after the warm-up are put into ten blocks, one after the other, and a straight line is laid
through the means of the blocks: neighbouring samples resemble each other, and a line through all of
them would believe itself far surer than it is. It is a *leak* if even the lower end of the slope's
95 % interval exceeds what is tolerated, and the second half by itself rises as fast: a pool that
was filled once is none. It is *flat* if the upper end stays within what is tolerated. Anything else
is *open*: nobody knows, and a longer soak would tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Final

_BLOCKS: Final = 10
_FEWEST_IN_BLOCK: Final = 3
_STUDENT: Final = 2.306
"""Student's t for 95 % on both sides and 8 degrees of freedom: ten blocks less two."""
_PER: Final = 1_000
"""Escrows that a slope is counted for."""


class Finding(StrEnum):
    """What the samples say of one quantity."""

    FLAT = "flat"
    LEAK = "leak"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Growth:
    """How one quantity grew, in its unit per 1,000 escrows, with a 95 % interval.

    An interval without bounds: there were too few samples.
    """

    slope: float
    low: float
    high: float
    tolerated: float
    finding: Finding

    def to_json(self) -> Mapping[str, float | str | None]:
        """For the result file; what has no bound is null."""
        return {
            "per_1000_escrows": _shown(self.slope),
            "low": _shown(self.low),
            "high": _shown(self.high),
            "tolerated": self.tolerated,
            "finding": self.finding.value,
        }


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is there once nothing more is said, and why it shouldn't be; none of it may be."""

    open_escrows: int
    due_work: int
    failing_work: int
    agents_lost: int

    @property
    def nothing(self) -> bool:
        """Whether all is done, and nobody was lost."""
        return not (self.open_escrows or self.due_work or self.failing_work or self.agents_lost)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a soak found."""

    growths: Mapping[str, Growth]
    leftovers: Leftovers

    @property
    def finding(self) -> Finding:
        """The worst of all: what wasn't done counts as a leak of work."""
        found = {one.finding for one in self.growths.values()}
        if Finding.LEAK in found or not self.leftovers.nothing:
            return Finding.LEAK
        return Finding.OPEN if Finding.OPEN in found else Finding.FLAT


def growth(escrows: Sequence[float], values: Sequence[float], *, tolerated: float) -> Growth:
    """How ``values`` grew with ``escrows``, sampled together and in order, the warm-up left out.

    ``tolerated`` is per 1,000 escrows.
    """
    if len(escrows) < _BLOCKS * _FEWEST_IN_BLOCK or escrows[-1] <= escrows[0]:
        return Growth(math.nan, -math.inf, math.inf, tolerated, Finding.OPEN)
    xs, ys = _means(escrows), _means(values)
    slope, error = _line(xs, ys)
    later, _ = _line(xs[_BLOCKS // 2 :], ys[_BLOCKS // 2 :])
    slope, error, later = slope * _PER, error * _PER, later * _PER
    low, high = slope - _STUDENT * error, slope + _STUDENT * error
    if low > tolerated and later > tolerated:
        finding = Finding.LEAK
    else:
        finding = Finding.FLAT if high <= tolerated else Finding.OPEN
    return Growth(slope, low, high, tolerated, finding)


def _means(values: Sequence[float]) -> list[float]:
    """The mean of each block."""
    edges = [len(values) * number // _BLOCKS for number in range(_BLOCKS + 1)]
    return [fmean(values[edges[n] : edges[n + 1]]) for n in range(_BLOCKS)]


def _line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """The slope of the straight line of least squares, and its standard error."""
    middle_x, middle_y = fmean(xs), fmean(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    if not spread:
        return math.nan, math.inf
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread
    off = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return slope, math.sqrt(off / (len(xs) - 2) / spread)


def _shown(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
