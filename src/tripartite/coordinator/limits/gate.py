"""Let a new escrow in, or say why not.

Who proposes locks the gate's one row first and holds it until the commit. So proposals pass one
after the other, on however many nodes, and each sees the escrows that those before it opened.
Every transaction locks in this order: gate, escrow, log, work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection

from tripartite.coordinator.limits import maintenance
from tripartite.coordinator.storing import execute
from tripartite.domain.lifecycle import State
from tripartite.domain.limits import (
    COUNTED,
    OPEN,
    WITHOUT_MONEY,
    AmountAboveLimit,
    EscrowLimitReached,
    Limits,
    UnderMaintenance,
    Used,
    VolumeLimitReached,
    require_open,
    require_room,
)
from tripartite.domain.money import Piconero

NOT_ADMITTED: Final = (
    UnderMaintenance,
    AmountAboveLimit,
    VolumeLimitReached,
    EscrowLimitReached,
)
"""What ``admit`` raises."""

# Maintenance that is on has a reason, one that is off has none.
_GATE: Final = "SELECT reason FROM limits_gate WHERE id = 1"
_LOCK_GATE: Final = _GATE + " FOR UPDATE"


def _named(states: Iterable[State]) -> str:
    return ", ".join(f"'{state.value}'" for state in sorted(states))


# Amounts are 20 digits, as text. The sum of many passes 2^63, where SQLite would go on in floats;
# the sums of their halves don't. Both answers come from the index (state, amount) alone.
_HALF: Final = 10
_VOLUME: Final = (
    f"SELECT COALESCE(SUM(CAST(SUBSTR(amount, 1, {_HALF}) AS BIGINT)), 0),"
    f" COALESCE(SUM(CAST(SUBSTR(amount, {_HALF + 1}) AS BIGINT)), 0)"
    f" FROM escrows_escrow WHERE state IN ({_named(COUNTED)})"
)
_CONCURRENT: Final = f"SELECT COUNT(*) FROM escrows_escrow WHERE state IN ({_named(OPEN)})"
COUNTS: Final = (_VOLUME, _CONCURRENT)
"""What a proposal waits for besides the gate, and besides the few escrows that succeed others."""

# The money of a successor was counted where it comes from, and the two are one trade: until the
# money moves there is none in the successor, and when it does, both traders have signed that. A
# successor that was paid by somebody, or whose money went elsewhere, is an escrow as any other.
_PAIRS: Final = (
    " FROM escrows_succession s JOIN escrows_escrow n ON n.escrow_id = s.successor_id"
    " JOIN escrows_escrow o ON o.escrow_id = s.predecessor_id"
    f" WHERE (s.agreed OR n.state IN ({_named(WITHOUT_MONEY)}) AND o.state IN ({_named(OPEN)}))"
)
_MOVED_VOLUME: Final = (
    f"SELECT COALESCE(SUM(CAST(SUBSTR(n.amount, 1, {_HALF}) AS BIGINT)), 0),"
    f" COALESCE(SUM(CAST(SUBSTR(n.amount, {_HALF + 1}) AS BIGINT)), 0)"
    f"{_PAIRS} AND n.state IN ({_named(COUNTED)})"
)
_OPEN_PAIRS: Final = (
    f"SELECT COUNT(*){_PAIRS} AND n.state IN ({_named(OPEN)}) AND o.state IN ({_named(OPEN)})"
)


def admit(limits: Limits, amount: Piconero | None) -> None:
    """Let a proposal in. Call first in the transaction that stores it.

    ``amount`` is None for a successor, which brings no money of its own: the limits say nothing to
    it, so a full house never keeps anybody from replacing an arbiter. Raises the errors of
    ``NOT_ADMITTED``.
    """
    found = execute(_LOCK_GATE if connection.vendor == "postgresql" else _GATE, ()).fetchone()
    assert found is not None, "a migration makes the row"
    require_open(found[0])
    if amount is not None:
        require_room(limits, used(limits), amount)


def look(limits: Limits, amount: Piconero) -> None:
    """Raise as ``admit`` would now; nothing is locked, so it may be otherwise a moment later."""
    require_open(maintenance.present().reason)
    require_room(limits, used(limits), amount)


def used(limits: Limits) -> Used:
    """What counts against ``limits`` now; 0 for what they don't limit."""
    volume, concurrent = 0, 0
    if limits.total_volume is not None:
        volume = _sum(_VOLUME) - _sum(_MOVED_VOLUME)
    if limits.concurrent_escrows is not None:
        concurrent = _count(_CONCURRENT) - shared_places()
    return Used(volume, concurrent)


def shared_places() -> int:
    """How many open escrows need no place of their own, as another one keeps it for them."""
    return _count(_OPEN_PAIRS)


def _sum(statement: str) -> Piconero:
    row = execute(statement, ()).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]) * 10**_HALF + int(row[1])


def _count(statement: str) -> int:
    row = execute(statement, ()).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])
