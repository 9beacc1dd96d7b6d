"""What the clock says about one escrow: which alarm is due now, and when to look again.

A pure function of what is on file and the time. An *incident* begins when an escrow has stood still
for too long and ends with the next activity. In one incident each stage is raised once: a caller
stores the stage together with the alarm, and whoever looks again, after a restart, on another node
or under a clock that was put back, finds it stored. Stages that were passed over are not made up
for: after days of standstill only the highest is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tripartite.domain.deadlines import Durations, Stage, Waiting, next_due, stage_of
from tripartite.domain.lifecycle import PAYOUT_STATES, State

_WAITING: Final = {
    State.CREATED: Waiting.ACCEPTANCE,
    State.ACCEPTED: Waiting.KEY_EXCHANGE,
    State.KEYING: Waiting.KEY_EXCHANGE,
    State.AWAITING_DEPOSIT: Waiting.DEPOSIT,
    State.FUNDED: Waiting.DECISION,
    State.DISPUTED: Waiting.DISPUTE,
    **dict.fromkeys(PAYOUT_STATES, Waiting.PAYOUT),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """What is on file about the present standstill. ``quiet_until``: a person looks after it."""

    raised: Stage = Stage.ON_TIME
    quiet_until: datetime | None = None


NO_INCIDENT: Final = Incident()


@dataclass(frozen=True, slots=True)
class Judgement:
    """``raised`` is the alarm due now, if any; ``look_at`` when there may be more to say.

    A stage is raised a second time only when the quiet that a person asked for is over.
    """

    raised: Stage | None
    look_at: datetime | None


def waiting_for(state: State) -> Waiting | None:
    """What an escrow in this state waits for; None once it is closed."""
    return _WAITING.get(state)


def judge(
    state: State,
    *,
    last_activity: datetime,
    now: datetime,
    durations: Durations,
    incident: Incident = NO_INCIDENT,
) -> Judgement:
    """What to raise now. Times are aware UTC; raises ``TimeNotUtc``."""
    kind = waiting_for(state)
    if kind is None:
        return Judgement(None, None)
    reached = stage_of(kind, last_activity=last_activity, now=now, durations=durations)
    due = next_due(kind, last_activity=last_activity, now=now, durations=durations)
    if incident.quiet_until is not None:
        if now < incident.quiet_until:
            return Judgement(None, incident.quiet_until)
        if reached is not Stage.ON_TIME:
            return Judgement(max(reached, incident.raised), due)
    return Judgement(reached if reached > incident.raised else None, due)


def first_look(state: State, *, last_activity: datetime, durations: Durations) -> datetime | None:
    """When an escrow that moved just now has to be looked at. Raises ``TimeNotUtc``."""
    return judge(state, last_activity=last_activity, now=last_activity, durations=durations).look_at
