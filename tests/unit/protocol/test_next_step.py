"""Who must do what: at every moment of an escrow somebody is named, and it's the right one."""

from __future__ import annotations

import json

import pytest

from tests.unit.protocol.trade import OTHER_ADDRESS, Trade
from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.parties import Role
from tripartite.protocol import snapshot
from tripartite.protocol.bodies import write_move
from tripartite.protocol.envelope import Kind
from tripartite.protocol.next_step import (
    ARBITER_RESTS,
    AcceptTerms,
    BuildPayout,
    CosignPayout,
    ExportInfo,
    KeyExchange,
    SignTerms,
    WatchDeposit,
    WatchPayout,
    asked_of,
    must_accept,
    next_step,
    open_verbs,
    waiting_on,
)
from tripartite.protocol.record import Successor

BUYER, VENDOR, ARBITER = Role


@pytest.fixture(scope="module")
def trade() -> Trade:
    """One escrow up to its broadcast payout; ``log`` has the record after every message."""
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(BUYER, Kind.RELEASE)
    trade.pay()
    return trade


def test_a_record_survives_storage_at_every_moment(trade: Trade) -> None:
    for admission in trade.log:
        stored = json.dumps(snapshot.to_json(admission.record))
        assert snapshot.from_json(json.loads(stored)) == admission.record


def test_at_every_moment_somebody_is_named_or_the_chain_is_awaited(trade: Trade) -> None:
    for admission in trade.log:
        record = admission.record
        assert record.state not in CLOSED
        watching = isinstance(next_step(record, BUYER), WatchPayout)
        assert waiting_on(record) or watching


def test_each_message_was_the_speakers_own_next_step(trade: Trade) -> None:
    """What an honest party says is what ``next_step`` asked of it just before."""
    asked = {
        Kind.ACCEPT: AcceptTerms,
        Kind.SIGN_TERMS: SignTerms,
        Kind.KEY_EXCHANGE: KeyExchange,
        Kind.ATTEST: KeyExchange,
        Kind.DEPOSIT_REPORT: WatchDeposit,
        Kind.PAYOUT_INFO: ExportInfo,
        Kind.PAYOUT_TXSET: BuildPayout,
        Kind.PAYOUT_BROADCAST: CosignPayout,
    }
    for before, admission in zip(trade.log, trade.log[1:], strict=False):
        message = admission.message
        if message.kind is Kind.RELEASE:
            continue
        step = next_step(before.record, message.role)
        assert type(step) is asked[message.kind]
        if isinstance(step, KeyExchange):
            assert (step.attempt, step.round) == (message.attempt, message.round)


def test_saying_it_ends_the_need_to_say_it(trade: Trade) -> None:
    for before, admission in zip(trade.log, trade.log[1:], strict=False):
        role = admission.message.role
        if admission.message.kind is Kind.DEPOSIT_REPORT:
            continue
        assert next_step(admission.record, role) != next_step(before.record, role) or (
            admission.message.kind is Kind.RELEASE
        )


def test_people_are_told_whose_turn_it_is(trade: Trade) -> None:
    told: list[list[tuple[str, str]]] = []
    for admission in trade.log:
        now = [(role.value, what) for role, what in waiting_on(admission.record)]
        if not told or told[-1] != now:
            told.append(now)
    assert told[0] == [("vendor", "accept_terms"), ("arbiter", "accept_terms")]
    assert [("buyer", "deposit")] in told
    assert [("buyer", "release")] in told
    assert told[-3:] == [[("buyer", "build_payout")], [("vendor", "cosign_payout")], []]


def test_an_arbiter_has_no_work_without_a_dispute(trade: Trade) -> None:
    keyed = [a for a in trade.log if a.record.address is not None]
    assert keyed
    assert all(
        next_step(a.record, ARBITER) is None
        or isinstance(next_step(a.record, ARBITER), WatchPayout)
        for a in keyed
    )


def test_where_an_arbiter_rests_nothing_is_asked_of_it(trade: Trade) -> None:
    resting = [a.record for a in trade.log if a.record.state in ARBITER_RESTS]

    assert {record.state for record in resting} == ARBITER_RESTS
    assert not any(who is ARBITER for record in resting for who, _ in waiting_on(record))


def test_a_restart_asks_everybody_to_begin_again() -> None:
    trade = Trade()
    trade.agree()
    for role in Role:
        trade.exchange(role, Round.PREPARE)
    trade.say(VENDOR, Kind.KEY_EXCHANGE_RESTART, {"reason": "wallet_in_doubt"}, attempt=1)
    for role in Role:
        assert next_step(trade.now, role) == KeyExchange(2, Round.PREPARE)


def test_terms_wait_for_whoever_has_not_accepted_and_nothing_else_is_open_but_calling_off() -> None:
    trade = Trade()
    trade.propose()
    assert [must_accept(trade.now, role) for role in Role] == [False, True, True]
    assert open_verbs(trade.now, VENDOR) == ("cancel",)

    trade.say(VENDOR, Kind.CANCEL, {"reason": "no"})

    assert not must_accept(trade.now, ARBITER), "what is over waits for nobody"


def test_only_the_other_trader_is_asked_to_agree_to_a_split() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    assert [asked_of(trade.now, role) for role in Role] == [("release",), (), ()]

    trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})

    assert "agree" in open_verbs(trade.now, VENDOR)
    assert [asked_of(trade.now, role) for role in Role] == [("release",), ("agree",), ()]


def test_who_disputes_may_release_but_is_not_asked_to() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    trade.dispute(BUYER)

    assert "release" in open_verbs(trade.now, BUYER)
    assert [asked_of(trade.now, role) for role in Role] == [(), (), ("rule",)]


def test_a_move_that_one_offers_is_the_others_turn_and_crossed_offers_are_both() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    move = write_move(Successor("77" * 16, "ab" * 32, OTHER_ADDRESS))

    trade.say(Role.VENDOR, Kind.SETTLEMENT_OFFER, move)
    assert waiting_on(trade.now) == ((Role.BUYER, "move"),)
    assert asked_of(trade.now, Role.BUYER) == ("move",)
    assert "move" in open_verbs(trade.now, Role.BUYER)
    assert "agree" not in open_verbs(trade.now, Role.BUYER)
    assert "move" not in open_verbs(trade.now, Role.VENDOR)

    trade.say(Role.BUYER, Kind.SETTLEMENT_OFFER, move)
    assert waiting_on(trade.now) == ((Role.BUYER, "move"), (Role.VENDOR, "move"))
