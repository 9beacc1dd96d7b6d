"""What counts as an escrow that moves, and what doesn't."""

from __future__ import annotations

from tests.unit.protocol.trade import Trade
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.progress import Progress, progress


def releasing() -> Trade:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(Role.BUYER, Kind.RELEASE)
    return trade


def test_every_step_of_an_undisturbed_escrow_is_progress() -> None:
    trade = releasing()
    trade.pay()

    seen: list[Progress] = []
    for admission in trade.log:
        now = progress(admission.record)
        assert not seen or now.is_beyond(seen[-1]) or admission.record.state is State.FUNDED
        seen.append(now)
    assert len({one.phase for one in seen}) == 6


def test_beginning_the_same_payout_anew_is_no_progress() -> None:
    """Else two agents that fail again and again would keep the alarm quiet for ever."""
    trade = releasing()
    farthest = progress(trade.now)
    for attempt in (1, 2, 3):
        for role in (Role.BUYER, Role.VENDOR):
            body = trade.sealed(
                role, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=attempt, round_=1
            )
            trade.say(role, Kind.PAYOUT_INFO, body, attempt=attempt, round_=1)
            moved = progress(trade.now).is_beyond(farthest)
            assert moved is (attempt == 1)
            farthest = progress(trade.now) if moved else farthest
        trade.say(Role.BUYER, Kind.PAYOUT_RESTART, {"reason": "stale_data"}, attempt=attempt)
        assert not progress(trade.now).is_beyond(farthest)


def test_in_a_dispute_only_the_arbiters_words_are_progress() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    reason = trade.sealed(Role.BUYER, Kind.DISPUTE, "text", "nothing came", attempt=0, round_=0)
    trade.say(Role.BUYER, Kind.DISPUTE, reason)
    opened = progress(trade.now)
    for role in (Role.VENDOR, Role.BUYER):
        body = trade.sealed(role, Kind.STATEMENT, "text", "but", attempt=0, round_=0)
        trade.say(role, Kind.STATEMENT, body)
        assert progress(trade.now) == opened
    body = trade.sealed(Role.ARBITER, Kind.STATEMENT, "text", "photos?", attempt=0, round_=0)

    trade.say(Role.ARBITER, Kind.STATEMENT, body)

    assert progress(trade.now).is_beyond(opened)


def test_a_report_of_nothing_is_no_progress() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    before = progress(trade.now)
    trade.report(Role.BUYER, 0)
    assert not progress(trade.now).is_beyond(before)

    trade.report(Role.BUYER, 0, pending=trade.terms.amount)

    assert progress(trade.now).is_beyond(before)
