"""Laws of the alarms: each stage once, only the highest, whatever the clock and the process do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.deadlines import Durations, Stage, stage_of
from tripartite.domain.lifecycle import CLOSED, MAY_HOLD_MONEY, PAYOUT_STATES, State
from tripartite.domain.stages import Incident, Judgement, first_look, judge, waiting_for

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULT = Durations()

open_states = st.sampled_from([state for state in State if state not in CLOSED])
# Looks come in any order of times: nodes disagree, clocks are set, services are down for days.
looks = st.lists(st.timedeltas(-10 * HOUR, timedelta(days=40)), min_size=1, max_size=30)


def judged(
    state: State, after: timedelta, raised: Stage = Stage.ON_TIME, quiet: timedelta | None = None
) -> Judgement:
    return judge(
        state,
        last_activity=START,
        now=START + after,
        durations=DEFAULT,
        incident=Incident(raised, None if quiet is None else START + quiet),
    )


@pytest.mark.parametrize("state", State)
def test_every_open_state_has_an_alarm_and_no_closed_one(state: State) -> None:
    assert (waiting_for(state) is None) is (state in CLOSED)
    raised = judged(state, timedelta(days=365)).raised
    assert (raised is None) is (state in CLOSED)


@pytest.mark.parametrize("state", sorted(MAY_HOLD_MONEY & {*PAYOUT_STATES, State.DISPUTED}))
def test_money_that_only_others_can_move_ends_before_a_person(state: State) -> None:
    assert judged(state, timedelta(days=7)).raised is Stage.RECOVERY


@given(open_states, looks)
def test_each_stage_is_raised_at_most_once_and_in_rising_order(
    state: State, times: list[timedelta]
) -> None:
    raised = [Stage.ON_TIME]
    for time in times:
        stage = judged(state, time, raised[-1]).raised
        if stage is not None:
            raised.append(stage)
    assert raised == sorted(set(raised))


@given(open_states, looks)
def test_looking_again_at_once_raises_nothing(state: State, times: list[timedelta]) -> None:
    """A restart, or another node with the same deadline."""
    for time in times:
        first = judged(state, time)
        if first.raised is not None:
            assert judged(state, time, first.raised).raised is None


@given(open_states, st.timedeltas(timedelta(), timedelta(days=40)))
def test_who_looks_when_told_to_raises_every_stage_on_time(state: State, until: timedelta) -> None:
    """From one due time to the next, as the work table does it."""
    kind = waiting_for(state)
    assert kind is not None
    due = first_look(state, last_activity=START, durations=DEFAULT)
    raised = Stage.ON_TIME
    while due is not None and due <= START + until:
        found = judge(
            state, last_activity=START, now=due, durations=DEFAULT, incident=Incident(raised)
        )
        assert found.raised is not None, "nobody is woken for nothing"
        raised, due = found.raised, found.look_at
    assert raised is stage_of(kind, last_activity=START, now=START + until, durations=DEFAULT)


def test_after_days_without_a_look_only_the_highest_stage_is_raised() -> None:
    found = judged(State.RELEASING, timedelta(days=30))

    assert found == Judgement(Stage.RECOVERY, None)


def test_quiet_holds_its_time_and_then_the_alarm_comes_back() -> None:
    quiet = 60 * HOUR
    assert judged(State.RELEASING, 59 * HOUR, Stage.RECOVERY, quiet) == Judgement(
        None, START + quiet
    )

    back = judged(State.RELEASING, quiet, Stage.RECOVERY, quiet)

    assert back.raised is Stage.RECOVERY


def test_quiet_hides_a_stage_but_does_not_lose_it() -> None:
    assert judged(State.REFUNDING, 13 * HOUR, Stage.NOTICED, 20 * HOUR).raised is None

    assert judged(State.REFUNDING, 20 * HOUR, Stage.NOTICED, 20 * HOUR) == Judgement(
        Stage.ESCALATED, START + 24 * HOUR
    )


@given(looks)
def test_a_clock_put_back_after_a_quiet_lowers_no_stage(times: list[timedelta]) -> None:
    for time in times:
        found = judged(State.SETTLING, time, Stage.CRITICAL, -24 * HOUR)
        assert found.raised is None or found.raised >= Stage.CRITICAL
