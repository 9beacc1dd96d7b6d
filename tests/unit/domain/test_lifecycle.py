"""The laws of the lifecycle table. Each law is checked over the whole table, not by example."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.lifecycle import (
    CLOSED,
    FIRST_STATE,
    MAY_HOLD_MONEY,
    PAID_OUT,
    PAYOUT_STATES,
    ROWS,
    Effect,
    Event,
    MoveNotOpen,
    NotYourMove,
    Row,
    State,
    Teller,
    advance,
    confirmed_by,
    is_open,
    open_moves,
    shown_as,
    verbs,
)
from tripartite.domain.parties import Role

states = st.sampled_from(State)
events = st.sampled_from(Event)
tellers = st.sampled_from(Teller)


def reachable(start: State, rows: Iterable[Row] = ROWS) -> set[State]:
    """Every state that some sequence of rows leads to from ``start``."""
    rows = tuple(rows)
    found, waiting = {start}, deque([start])
    while waiting:
        here = waiting.popleft()
        for row in rows:
            if row.state is here and row.next not in found:
                found.add(row.next)
                waiting.append(row.next)
    return found


def test_no_two_rows_disagree() -> None:
    keys = [(row.state, row.event) for row in ROWS]
    assert len(keys) == len(set(keys))


def test_every_state_is_reached_and_every_event_is_used() -> None:
    assert reachable(FIRST_STATE) == set(State)
    assert {row.event for row in ROWS} == set(Event)


@pytest.mark.parametrize("state", sorted(MAY_HOLD_MONEY))
def test_money_always_has_a_way_out(state: State) -> None:
    assert reachable(state) & PAID_OUT


@pytest.mark.parametrize("silent", Role)
@pytest.mark.parametrize("state", sorted(MAY_HOLD_MONEY))
def test_one_silent_party_cannot_strand_the_money(state: State, silent: Role) -> None:
    """Two parties and the chain are enough: 2-of-3, all the way."""
    without = [row for row in ROWS if row.by != {Teller(silent.value)}]
    assert reachable(state, without) & PAID_OUT


# In a payout state or a dispute the parties have given their word, and the chain may report what
# came of it; before that, nothing the coordinator sees is a reason to pay.
@pytest.mark.parametrize("state", [State.AWAITING_DEPOSIT, State.FUNDED, State.CANCELLED])
def test_the_coordinator_alone_cannot_bring_a_payout_about(state: State) -> None:
    """Clock and chain watch; without a party's word no payout begins."""
    alone = [row for row in ROWS if row.by <= {Teller.CLOCK, Teller.CHAIN}]
    assert not reachable(state, alone) & {*PAID_OUT, *PAYOUT_STATES}


def test_the_clock_never_leads_to_a_payout() -> None:
    told_by_the_clock = [row for row in ROWS if Teller.CLOCK in row.by]
    assert told_by_the_clock
    for row in told_by_the_clock:
        assert row.by == {Teller.CLOCK}
        assert row.next in (row.state, State.CANCELLED)
        assert row.next not in PAID_OUT
        assert Effect.BUILD_PAYOUT not in row.effects


def test_an_escrow_with_confirmed_money_is_never_cancelled() -> None:
    into_cancelled = {row.state for row in ROWS if row.next is State.CANCELLED}
    assert not into_cancelled & {State.FUNDED, State.DISPUTED, *PAYOUT_STATES, *PAID_OUT}


@pytest.mark.parametrize("over", sorted(CLOSED))
def test_late_money_opens_a_refund(over: State) -> None:
    step = advance(over, Event.DEPOSIT_ARRIVED_LATE, by=Teller.WALLETS)
    assert step.after is State.REFUNDING
    assert Effect.RAISE_ALARM in step.effects


def test_only_the_chain_completes_a_payout() -> None:
    for row in ROWS:
        if row.next in PAID_OUT:
            assert row.by == {Teller.CHAIN}


def test_a_party_can_give_away_only_its_own_claim() -> None:
    """Buyers release, vendors refund, arbiters rule only what is or was disputed."""
    for row in ROWS:
        match row.event:
            case Event.RELEASE_SIGNED:
                assert row.by == {Teller.BUYER}
            case Event.REFUND_SIGNED:
                assert row.by == {Teller.VENDOR}
            case Event.RULED_FOR_BUYER | Event.RULED_FOR_VENDOR | Event.RULED_SPLIT:
                assert row.by == {Teller.ARBITER}
                assert row.state in {State.DISPUTED, *PAYOUT_STATES}
            case _:
                assert (
                    Effect.BUILD_PAYOUT not in row.effects
                    or len(row.by) > 1
                    or (row.by == {Teller.WALLETS})
                )


def test_what_is_over_stays_over_unless_money_comes() -> None:
    assert {row.event for row in ROWS if row.state in CLOSED} == {Event.DEPOSIT_ARRIVED_LATE}


@given(states, events, tellers)
def test_advance_follows_the_table_and_nothing_else(state: State, event: Event, by: Teller) -> None:
    rows = [row for row in ROWS if (row.state, row.event) == (state, event)]
    if not rows:
        with pytest.raises(MoveNotOpen) as refused:
            advance(state, event, by=by)
        assert refused.value.facts == {"state": state.value, "event": event.value}
    elif by not in rows[0].by:
        with pytest.raises(NotYourMove):
            advance(state, event, by=by)
    else:
        step = advance(state, event, by=by)
        assert (step.before, step.event, step.after) == (state, event, rows[0].next)
        assert step.effects == rows[0].effects
    assert is_open(state, event, by=by) == bool(rows and by in rows[0].by)


@given(states, st.sampled_from(Role))
def test_the_moves_offered_are_those_that_advance_takes(state: State, role: Role) -> None:
    offered = open_moves(state, role)
    for event in Event:
        possible = event.verb is not None and is_open(state, event, by=Teller(role.value))
        assert (event in offered) == possible


def test_buyer_and_vendor_see_their_verbs_when_funded() -> None:
    assert {role: verbs(State.FUNDED, role) for role in Role} == {
        Role.BUYER: ("release", "settle", "agree", "dispute"),
        Role.VENDOR: ("refund", "settle", "agree", "dispute"),
        Role.ARBITER: (),
    }


def test_an_arbiter_has_one_verb_for_all_rulings() -> None:
    assert verbs(State.DISPUTED, Role.ARBITER) == ("rule",)


def test_every_state_has_a_sentence_for_people() -> None:
    assert all(state.meaning.endswith(".") for state in State)


def test_each_payout_state_knows_what_makes_it_final() -> None:
    for state in State:
        event = confirmed_by(state)
        assert (event is not None) == (state in PAYOUT_STATES)
        if event is not None:
            assert advance(state, event, by=Teller.CHAIN).after in PAID_OUT


@given(states, st.booleans())
def test_only_an_overdue_payout_shows_as_needing_recovery(state: State, overdue: bool) -> None:
    expected = state.value
    if overdue and state in PAYOUT_STATES:
        expected += "_recovery_needed"
    assert shown_as(state, overdue=overdue) == expected
