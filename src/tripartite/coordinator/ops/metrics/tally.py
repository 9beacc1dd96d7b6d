"""What this process counts while it works: cheap to add to, read as a whole.

Each thread adds to cells of its own, so that nothing is locked on the way of a request; a reader
adds them up. A cell is named by its metric and its labels, in the catalogue's order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from threading import get_ident
from typing import Final

Key = tuple[str, ...]
"""A metric's name, then the values of its labels."""

Cells = Mapping[Key, Sequence[float]]
"""A counter's cell is [count]; a histogram's is [sum, per bucket …, above all buckets]."""


class Tally:
    """The counts of one process."""

    def __init__(self) -> None:
        # By thread id. An id is given again only after its thread has ended, so no cell ever has
        # two writers, and ended threads leave no more dicts than ever ran at once.
        self._threads: dict[int, dict[Key, list[float]]] = {}

    def count(self, key: Key, by: int = 1) -> None:
        """Add ``by`` to a counter."""
        cells = self._cells()
        cell = cells.get(key)
        if cell is None:
            cells[key] = [by]
        else:
            cell[0] += by

    def observe(self, key: Key, value: float, buckets: tuple[float, ...]) -> None:
        """Add ``value`` to a histogram with these upper bounds."""
        cells = self._cells()
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = [0.0] * (len(buckets) + 2)
        # A value that equals a bound belongs below it ("le").
        cell[1 + bisect_left(buckets, value)] += 1
        cell[0] += value

    def totals(self) -> dict[Key, list[float]]:
        """Everything counted so far, by all threads."""
        sums: dict[Key, list[float]] = {}
        for cells in list(self._threads.values()):
            # A copy first: its owner may be adding to it right now.
            add_up(sums, cells.copy())
        return sums

    def _cells(self) -> dict[Key, list[float]]:
        me = get_ident()
        cells = self._threads.get(me)
        return self._threads.setdefault(me, {}) if cells is None else cells


def add_up(sums: dict[Key, list[float]], more: Cells) -> None:
    """Add ``more`` to ``sums``. A cell of another shape, from another version, is left out."""
    for key, cell in more.items():
        before = sums.get(key)
        if before is None:
            sums[key] = list(cell)
        elif len(before) == len(cell):
            sums[key] = [old + new for old, new in zip(before, cell, strict=True)]


TALLY: Final = Tally()
"""One for the process: what it counts belongs to it as a whole, like its memory or its CPU time."""
