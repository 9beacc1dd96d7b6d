"""When waiting has become too long, and how loud the alarm must be.

Pure functions of (what is waited for, last activity, now). They name a stage of alarm and the
time of the next one; nothing here moves money or agrees to anything for anybody, and no caller
may use it for that (a deadline raises an alarm; it never moves money).

Activity starts the count again. Only the stage reached is named, never the ones passed over:
after days of standstill a caller hears the highest stage at once. All times are aware UTC; a
clock that jumps back before the last activity counts as no time passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final, assert_never

from tripartite.domain.errors import Refused

# Longer would put an alarm beyond anybody's attention, and times beyond what datetime can hold.
LONGEST: Final = timedelta(days=365)

_NO_TIME: Final = timedelta()
_HOUR: Final = timedelta(hours=1)


class DurationsInvalid(Refused):
    """The durations of the deadlines can't be used."""

    code = "durations_invalid"


class TimeNotUtc(Refused):
    """A time was given without a zone, or in another zone than UTC."""

    code = "time_not_utc"


class Waiting(StrEnum):
    """What an escrow can be waiting for, as far as deadlines are concerned."""

    ACCEPTANCE = "acceptance"
    """All three to accept the terms."""
    KEY_EXCHANGE = "key_exchange"
    """The agents to make the wallet."""
    DEPOSIT = "deposit"
    """The buyer to pay in."""
    DECISION = "decision"
    """The goods to arrive, and the buyer to release the money."""
    PAYOUT = "payout"
    """A release, refund or settlement to be signed, sent and confirmed."""
    DISPUTE = "dispute"
    """The arbiter to rule."""


class Stage(IntEnum):
    """How loud the alarm is. Stages only compare and count; their effects are decided elsewhere."""

    ON_TIME = 0
    NOTICED = 1
    """The parties are told, and who must act."""
    ESCALATED = 2
    """The same again, through every channel they have."""
    CRITICAL = 3
    """The arbiter and the admins are told too."""
    RECOVERY = 4
    """A person must take it up: a recovery case is opened."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long each kind of waiting may last, counted from the last activity.

    ``payout`` starts the four stages one after the other, as the specification sets them (6, 12,
    24 and 48 hours). ``dispute`` goes straight to RECOVERY, for only a person can rule (7 days in
    the specification). The other four end in NOTICED: buyer and vendor can still end the escrow
    by themselves, so no recovery case is needed. They are our choice:

    - ``acceptance`` 72 h: a proposal made on a Friday evening outlives the weekend;
    - ``key_exchange`` 1 h: it takes seconds while all agents are online (the specification's
      story of a failed set-up names one hour too);
    - ``deposit`` 48 h: time to acquire the coins, and for ten confirmations many times over;
    - ``decision`` 14 days: most parcels have arrived by then.

    Raises ``DurationsInvalid`` unless all are above 0, within a year, and ``payout`` rises.
    """

    payout: tuple[timedelta, timedelta, timedelta, timedelta] = (
        6 * _HOUR,
        12 * _HOUR,
        24 * _HOUR,
        48 * _HOUR,
    )
    dispute: timedelta = timedelta(days=7)
    acceptance: timedelta = 72 * _HOUR
    key_exchange: timedelta = _HOUR
    deposit: timedelta = 48 * _HOUR
    decision: timedelta = timedelta(days=14)

    def __post_init__(self) -> None:
        if len(self.payout) != len(Stage) - 1:
            raise DurationsInvalid(
                f"{len(self.payout)} durations for a payout: give one for each of the 4 stages."
            )
        for kind in Waiting:
            before = _NO_TIME
            for _, after in self.steps(kind):
                if not before < after <= LONGEST:
                    raise DurationsInvalid(
                        f"The duration {after} for {kind} must be longer than {before} "
                        f"and at most {LONGEST}."
                    )
                before = after

    def steps(self, kind: Waiting) -> tuple[tuple[Stage, timedelta], ...]:
        """The stages of this kind of waiting and when each starts, in rising order."""
        match kind:
            case Waiting.PAYOUT:
                noticed, escalated, critical, recovery = self.payout
                return (
                    (Stage.NOTICED, noticed),
                    (Stage.ESCALATED, escalated),
                    (Stage.CRITICAL, critical),
                    (Stage.RECOVERY, recovery),
                )
            case Waiting.DISPUTE:
                return ((Stage.RECOVERY, self.dispute),)
            case Waiting.ACCEPTANCE:
                return ((Stage.NOTICED, self.acceptance),)
            case Waiting.KEY_EXCHANGE:
                return ((Stage.NOTICED, self.key_exchange),)
            case Waiting.DEPOSIT:
                return ((Stage.NOTICED, self.deposit),)
            case Waiting.DECISION:
                return ((Stage.NOTICED, self.decision),)
            case _:
                assert_never(kind)


def stage_of(
    kind: Waiting, *, last_activity: datetime, now: datetime, durations: Durations
) -> Stage:
    """The highest stage reached; a stage begins at its duration, not after it.

    Raises ``TimeNotUtc``.
    """
    waited = _waited(last_activity, now)
    return max(
        (stage for stage, after in durations.steps(kind) if waited >= after),
        default=Stage.ON_TIME,
    )


def next_due(
    kind: Waiting, *, last_activity: datetime, now: datetime, durations: Durations
) -> datetime | None:
    """When the next stage begins, always later than ``now``; None once the last one has begun.

    Raises ``TimeNotUtc``.
    """
    waited = _waited(last_activity, now)
    return next(
        (_utc(last_activity) + after for _, after in durations.steps(kind) if after > waited), None
    )


def hours_stuck(*, last_activity: datetime, now: datetime) -> int:
    """Whole hours since the last activity, rounded down, never below 0. Raises ``TimeNotUtc``."""
    return _waited(last_activity, now) // _HOUR


def _waited(last_activity: datetime, now: datetime) -> timedelta:
    return max(_NO_TIME, _utc(now) - _utc(last_activity))


def _utc(time: datetime) -> datetime:
    # utcoffset() is None for a naive time, which could be any hour of the day.
    if time.utcoffset() != _NO_TIME:
        raise TimeNotUtc(f"The time {time.isoformat()} isn't in UTC: give it with zone UTC.")
    # London's winter passes as UTC, but sums in London's zone would lose an hour in spring.
    return time.astimezone(UTC)
