"""Phases, as they follow from the event log."""

from __future__ import annotations

from tripartite.domain.lifecycle import State
from tripartite.protocol.envelope import Kind
from tripartite.validation.story import Story, Told, phases, read_event


def moved(at: float, state: State) -> Told:
    return Told(at, "EscrowStatusChanged", state=state)


def said(at: float, kind: Kind, txid: str | None = None) -> Told:
    return Told(at, "MessageRelayed", kind=kind, txid=txid)


RULED = Story(
    [
        said(0.0, Kind.PROPOSE),
        moved(4.0, State.ACCEPTED),
        moved(4.5, State.KEYING),
        moved(6.0, State.AWAITING_DEPOSIT),
        moved(20.0, State.FUNDED),
        moved(25.0, State.DISPUTED),
        said(30.0, Kind.RULING),
        moved(30.0, State.SETTLING),
        said(33.0, Kind.PAYOUT_BROADCAST, "abc"),
        # A step that leads nowhere else is no new beginning.
        moved(33.0, State.SETTLING),
        moved(40.0, State.SETTLED),
    ]
)


def test_each_phase_is_measured_by_the_coordinators_own_times() -> None:
    assert phases(RULED, paid_at=8.0) == {
        "agree on terms": 4.0,
        "make the 2-of-3 wallet": 2.0,
        "deposit until it counts": 12.0,
        "dispute until the ruling": 5.0,
        "sign the payout": 3.0,
        "payout until it is final": 7.0,
        "the whole escrow": 40.0,
    }
    assert RULED.state is State.SETTLED
    assert RULED.txids == ("abc",)


def test_what_never_came_has_no_length() -> None:
    called_off = Story([*RULED.told[:4], moved(9.0, State.CANCELLED)])

    assert phases(called_off, paid_at=None) == {
        "agree on terms": 4.0,
        "make the 2-of-3 wallet": 2.0,
        "the whole escrow": 9.0,
    }
    assert phases(Story(), paid_at=None) == {}
    assert Story().state is None
    assert Story(RULED.told[:1]).state is State.CREATED


def test_events_are_read_as_the_api_gives_them() -> None:
    at = "2026-11-23T12:00:00.5Z"
    change = {"type": "EscrowStatusChanged", "at": at, "data": {"from": "funded", "to": "disputed"}}
    alarm = {"type": "TransactionStuck", "at": at, "data": {"stage": 3}}

    assert read_event(change).state is State.DISPUTED
    assert read_event(change).at % 1 == 0.5
    assert Story([read_event(alarm)]).stage == 3
    assert read_event({"type": "SomethingNew", "at": at, "data": {}}).state is None
