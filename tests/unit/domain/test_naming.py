"""People's words for states and decisions leave nothing out."""

from __future__ import annotations

from tripartite.domain.lifecycle import Event, State
from tripartite.domain.naming import DECISIONS, STATES
from tripartite.protocol.next_step import MOVE


def test_every_state_and_every_decision_has_a_name_of_its_own() -> None:
    assert list(STATES) == list(State)
    assert len(set(STATES.values())) == len(STATES)
    assert set(DECISIONS) == {event.verb for event in Event} - {None} | {MOVE}
