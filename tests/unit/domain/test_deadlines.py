"""Waiting too long is noticed at the right time, once per stage, whatever the clock does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.deadlines import (
    LONGEST,
    Durations,
    DurationsInvalid,
    Stage,
    TimeNotUtc,
    Waiting,
    hours_stuck,
    next_due,
    stage_of,
)

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DEFAULT = Durations()

times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
kinds = st.sampled_from(Waiting)
lengths = st.timedeltas(TICK, LONGEST)


@st.composite
def all_durations(draw: st.DrawFn) -> Durations:
    a, b, c, d = sorted(draw(st.lists(lengths, min_size=4, max_size=4, unique=True)))
    return Durations((a, b, c, d), *(draw(lengths) for _ in range(5)))


def stage_after(kind: Waiting, waited: timedelta) -> Stage:
    return stage_of(kind, last_activity=START, now=START + waited, durations=DEFAULT)


# ── the defaults ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "hours", "stage"),
    [
        (Waiting.PAYOUT, 6, Stage.NOTICED),
        (Waiting.PAYOUT, 12, Stage.ESCALATED),
        (Waiting.PAYOUT, 24, Stage.CRITICAL),
        (Waiting.PAYOUT, 48, Stage.RECOVERY),
        (Waiting.DISPUTE, 7 * 24, Stage.RECOVERY),
        (Waiting.ACCEPTANCE, 72, Stage.NOTICED),
        (Waiting.KEY_EXCHANGE, 1, Stage.NOTICED),
        (Waiting.DEPOSIT, 48, Stage.NOTICED),
        (Waiting.DECISION, 14 * 24, Stage.NOTICED),
    ],
)
def test_a_stage_begins_on_the_hour_and_not_a_moment_before(
    kind: Waiting, hours: int, stage: Stage
) -> None:
    assert stage_after(kind, hours * HOUR) is stage
    assert stage_after(kind, hours * HOUR - TICK) < stage


@pytest.mark.parametrize("kind", Waiting)
def test_what_has_just_begun_is_on_time(kind: Waiting) -> None:
    assert stage_after(kind, timedelta()) is Stage.ON_TIME


def test_after_days_of_standstill_only_the_highest_stage_is_named() -> None:
    assert stage_after(Waiting.PAYOUT, timedelta(days=30)) is Stage.RECOVERY


def test_a_payout_is_due_at_each_of_its_stages_and_then_no_more() -> None:
    now = START
    fired = [timedelta()]
    for _ in range(4):
        due = next_due(Waiting.PAYOUT, last_activity=START, now=now, durations=DEFAULT)
        assert due is not None
        now = due
        fired.append(now - START)
    assert next_due(Waiting.PAYOUT, last_activity=START, now=now, durations=DEFAULT) is None
    assert fired == [0 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR]


def test_activity_starts_the_count_again() -> None:
    later = START + 5 * HOUR
    now = START + 7 * HOUR
    assert stage_after(Waiting.PAYOUT, 7 * HOUR) is Stage.NOTICED
    assert (
        stage_of(Waiting.PAYOUT, last_activity=later, now=now, durations=DEFAULT) is Stage.ON_TIME
    )


# ── laws ───────────────────────────────────────────────────────────────────────────────────────


@given(kinds, times, times, all_durations())
def test_the_next_stage_begins_exactly_when_it_is_due(
    kind: Waiting, last_activity: datetime, now: datetime, durations: Durations
) -> None:
    """So a work table may sleep until then and miss nothing, and wakes once per stage."""
    stage = stage_of(kind, last_activity=last_activity, now=now, durations=durations)
    due = next_due(kind, last_activity=last_activity, now=now, durations=durations)
    if due is None:
        assert stage == max(reached for reached, _ in durations.steps(kind))
        return
    assert due > now
    at = stage_of(kind, last_activity=last_activity, now=due, durations=durations)
    before = stage_of(kind, last_activity=last_activity, now=due - TICK, durations=durations)
    assert at > stage
    assert before is stage


@given(kinds, times, times, times, all_durations())
def test_waiting_longer_never_lowers_the_stage(
    kind: Waiting, last_activity: datetime, one: datetime, other: datetime, durations: Durations
) -> None:
    earlier, later = sorted((one, other))
    assert stage_of(
        kind, last_activity=last_activity, now=earlier, durations=durations
    ) <= stage_of(kind, last_activity=last_activity, now=later, durations=durations)


@given(kinds, times, st.timedeltas(timedelta(), timedelta(days=1_000)), all_durations())
def test_a_clock_that_jumps_back_counts_as_no_time_passed(
    kind: Waiting, last_activity: datetime, jump: timedelta, durations: Durations
) -> None:
    now = last_activity - jump
    assert hours_stuck(last_activity=last_activity, now=now) == 0
    stage = stage_of(kind, last_activity=last_activity, now=now, durations=durations)
    assert stage is Stage.ON_TIME
    due = next_due(kind, last_activity=last_activity, now=now, durations=durations)
    assert due == last_activity + durations.steps(kind)[0][1]


@given(times, times)
def test_hours_stuck_are_whole_and_rounded_down(one: datetime, other: datetime) -> None:
    last_activity, now = sorted((one, other))
    hours = hours_stuck(last_activity=last_activity, now=now)
    assert hours * HOUR <= now - last_activity < (hours + 1) * HOUR


@given(kinds, times, times, all_durations())
def test_a_stage_agrees_with_the_hours_shown_beside_it(
    kind: Waiting, last_activity: datetime, now: datetime, durations: Durations
) -> None:
    hours = hours_stuck(last_activity=last_activity, now=now)
    stage = stage_of(kind, last_activity=last_activity, now=now, durations=durations)
    for reached, after in durations.steps(kind):
        if reached <= stage:
            assert (hours + 1) * HOUR > after


@given(kinds, all_durations())
def test_stages_and_their_durations_rise_together(kind: Waiting, durations: Durations) -> None:
    steps = durations.steps(kind)
    assert steps
    assert Stage.ON_TIME not in dict(steps)
    assert all(one < other for one, other in pairwise(stage for stage, _ in steps))
    assert all(one < other for one, other in pairwise(after for _, after in steps))


# ── what is refused ────────────────────────────────────────────────────────────────────────────

NAIVE = START.replace(tzinfo=None)


@pytest.mark.parametrize(
    "wrong",
    [
        NAIVE,
        START.astimezone(timezone(HOUR)),
        START.astimezone(ZoneInfo("America/New_York")),
    ],
    ids=["naive", "an hour off", "New York"],
)
def test_a_time_that_is_not_utc_is_refused(wrong: datetime) -> None:
    for last_activity, now in ((wrong, START), (START, wrong)):
        with pytest.raises(TimeNotUtc):
            stage_of(Waiting.PAYOUT, last_activity=last_activity, now=now, durations=DEFAULT)
        with pytest.raises(TimeNotUtc):
            next_due(Waiting.PAYOUT, last_activity=last_activity, now=now, durations=DEFAULT)
        with pytest.raises(TimeNotUtc):
            hours_stuck(last_activity=last_activity, now=now)


def test_a_zone_that_is_utc_only_in_winter_loses_no_hour_in_spring() -> None:
    winter = datetime(2027, 3, 27, 12, 0, tzinfo=ZoneInfo("Europe/London"))
    due = next_due(Waiting.PAYOUT, last_activity=winter, now=winter + 12 * HOUR, durations=DEFAULT)
    assert due == datetime(2027, 3, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("field", ["dispute", "acceptance", "key_exchange", "deposit", "decision"])
@pytest.mark.parametrize("length", [timedelta(), -TICK, LONGEST + TICK])
def test_a_duration_of_nothing_or_more_than_a_year_is_refused(
    field: str, length: timedelta
) -> None:
    with pytest.raises(DurationsInvalid, match=field):
        replace(DEFAULT, **{field: length})  # type: ignore[arg-type]  # fields that are timedeltas


@pytest.mark.parametrize(
    "hours", [(12, 6, 24, 48), (6, 6, 24, 48), (0, 12, 24, 48), (6, 12, 24, 366 * 24)]
)
def test_payout_stages_that_do_not_rise_are_refused(hours: tuple[int, int, int, int]) -> None:
    a, b, c, d = (hour * HOUR for hour in hours)
    with pytest.raises(DurationsInvalid, match="payout"):
        Durations(payout=(a, b, c, d))


def test_a_payout_with_three_stages_is_refused() -> None:
    with pytest.raises(DurationsInvalid, match="4 stages"):
        Durations(payout=(HOUR, 2 * HOUR, 3 * HOUR))  # type: ignore[arg-type]  # the fault tested
