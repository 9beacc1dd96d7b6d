"""Settlements, disputes and rulings: who may end an escrow how, and who may not."""

from __future__ import annotations

import json

import pytest

from tests.unit.protocol.trade import ESCROW_ID, KEY_IMAGE, OTHER_ADDRESS, Trade, terms
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.domain.lifecycle import PAID_OUT, Event, State, Teller
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.terms import Predecessor
from tripartite.protocol import snapshot
from tripartite.protocol.admission import observe
from tripartite.protocol.bodies import write_move
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind
from tripartite.protocol.identity import Identity
from tripartite.protocol.next_step import (
    ExportInfo,
    WatchDeposit,
    WatchPayout,
    next_step,
    waiting_on,
)
from tripartite.protocol.record import Successor, is_own_payout
from tripartite.protocol.rules.agreeing import SuccessorBinds

BUYER, VENDOR, ARBITER = Role


@pytest.fixture(scope="module")
def identities() -> dict[Role, Identity]:
    """Keys are slow to make; stories may share them."""
    return {role: Identity.generate() for role in Role}


@pytest.fixture
def trade(identities: dict[Role, Identity]) -> Trade:
    """A funded escrow."""
    trade = Trade(identities)
    trade.agree()
    trade.key()
    trade.fund()
    return trade


def code(trade: Trade, role: Role, kind: Kind, body: dict[str, Json]) -> str:
    """The code with which ``role`` is refused."""
    with pytest.raises(TripartiteError) as refused:
        trade.say(role, kind, body)
    return refused.value.code


def rule(trade: Trade, bps: int, cosigner: Role) -> None:
    """The arbiter rules."""
    trade.say(ARBITER, Kind.RULING, {"vendor_bps": bps, "cosigner": cosigner.value})


def state(trade: Trade) -> State:
    """Where the escrow stands now, and that it survives storage there."""
    stored = json.loads(json.dumps(snapshot.to_json(trade.now)))
    assert snapshot.from_json(stored) == trade.now
    return trade.now.state


@pytest.mark.parametrize(("offerer", "accepter"), [(BUYER, VENDOR), (VENDOR, BUYER)])
@pytest.mark.parametrize("disputed", [False, True])
def test_two_traders_agree_on_a_split_at_any_time(
    trade: Trade, offerer: Role, accepter: Role, disputed: bool
) -> None:
    if disputed:
        trade.dispute(BUYER)
    offer = trade.say(offerer, Kind.SETTLEMENT_OFFER, {"vendor_share": str(ATOMIC // 4)}).message
    assert state(trade) is (State.DISPUTED if disputed else State.FUNDED)
    trade.say(accepter, Kind.SETTLEMENT_ACCEPT, {"offer": offer.digest})
    assert state(trade) is State.SETTLING
    payout = trade.now.payout
    assert payout is not None
    assert (payout.vendor_share, payout.signers) == (ATOMIC // 4, (offerer, accepter))
    trade.pay()
    after, _ = observe(trade.now, Event.SETTLEMENT_CONFIRMED, by=Teller.CHAIN)
    assert after.state is State.SETTLED


def test_an_announced_payout_is_one_only_if_it_spends_what_its_builder_said(trade: Trade) -> None:
    txid = "ab" * 32
    trade.say(BUYER, Kind.RELEASE)
    trade.pay(txid)
    state(trade)

    assert is_own_payout(trade.now, txid, [KEY_IMAGE])
    for spent in ([], ["2e" * 32], [KEY_IMAGE, "2e" * 32]):
        assert not is_own_payout(trade.now, txid, spent)
    assert not is_own_payout(trade.now, "cd" * 32, [KEY_IMAGE])


def test_a_payout_that_two_parties_report_needs_no_builder(trade: Trade) -> None:
    txid = "cd" * 32
    trade.say(BUYER, Kind.RELEASE)
    body: dict[str, Json] = {"txid": txid, "outcome": "release"}
    trade.say(BUYER, Kind.PAYOUT_SEEN, body)
    assert not is_own_payout(trade.now, txid, ["2e" * 32]), "one may lie"
    trade.say(ARBITER, Kind.PAYOUT_SEEN, body)
    assert is_own_payout(trade.now, txid, ["2e" * 32])


@pytest.mark.parametrize(
    ("outcome", "during", "final"),
    [
        ("release", State.RELEASING, Event.RELEASE_CONFIRMED),
        ("refund", State.REFUNDING, Event.REFUND_CONFIRMED),
        ("settlement", State.SETTLING, Event.SETTLEMENT_CONFIRMED),
    ],
)
def test_two_parties_can_tell_of_a_payout_that_the_record_knew_nothing_of(
    trade: Trade, outcome: str, during: State, final: Event
) -> None:
    body: dict[str, Json] = {"txid": "cd" * 32, "outcome": outcome}
    trade.say(VENDOR, Kind.PAYOUT_SEEN, body)
    assert state(trade) is State.FUNDED, "one may lie"
    trade.say(VENDOR, Kind.PAYOUT_SEEN, body)
    assert state(trade) is State.FUNDED, "however often"
    trade.say(ARBITER, Kind.PAYOUT_SEEN, body)
    assert state(trade) is during
    assert {next_step(trade.now, role) for role in Role} == {WatchPayout("cd" * 32)}
    after, _ = observe(trade.now, final, by=Teller.CHAIN)
    assert after.state in PAID_OUT


def test_each_attempt_names_its_outputs_anew(trade: Trade) -> None:
    """A deposit may have been mined again elsewhere in between."""
    trade.say(BUYER, Kind.RELEASE)
    trade.pay("ab" * 32)
    trade.say(VENDOR, Kind.PAYOUT_RESTART, {"reason": "rejected"}, attempt=1)
    assert trade.now.payout is not None
    assert trade.now.payout.key_images == ()
    assert is_own_payout(trade.now, "ab" * 32, [KEY_IMAGE])


@pytest.mark.parametrize(
    "images",
    [[], ["1e"], [KEY_IMAGE, KEY_IMAGE], ["2e" * 32, KEY_IMAGE], [KEY_IMAGE.upper()], [1], "1e"],
)
def test_key_images_have_one_spelling(trade: Trade, images: Json) -> None:
    trade.say(BUYER, Kind.RELEASE)
    for role in (BUYER, VENDOR):
        info = trade.sealed(role, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
        trade.say(role, Kind.PAYOUT_INFO, info, attempt=1, round_=1)
    body = {**trade.txset(BUYER, attempt=1), "key_images": images}
    with pytest.raises(TripartiteError) as refused:
        trade.say(BUYER, Kind.PAYOUT_TXSET, body, attempt=1, round_=2)
    assert refused.value.code == "body_malformed"


def test_nobody_accepts_their_own_offer_or_one_that_was_replaced(trade: Trade) -> None:
    first = trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"}).message.digest
    assert code(trade, BUYER, Kind.SETTLEMENT_ACCEPT, {"offer": first}) == "offer_gone"
    trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "2"})
    assert code(trade, VENDOR, Kind.SETTLEMENT_ACCEPT, {"offer": first}) == "offer_gone"
    assert state(trade) is State.FUNDED


def test_a_payout_takes_all_offers_off_the_table(trade: Trade) -> None:
    offer = trade.say(VENDOR, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"}).message.digest
    trade.say(BUYER, Kind.RELEASE)
    assert code(trade, BUYER, Kind.SETTLEMENT_ACCEPT, {"offer": offer}) == "offer_gone"


@pytest.mark.parametrize(
    ("share", "answer"),
    [(str(ATOMIC + 1), "share_out_of_range"), ("-1", "amount_malformed"), (1, "body_malformed")],
)
def test_an_offer_shares_out_the_agreed_amount(trade: Trade, share: Json, answer: str) -> None:
    assert code(trade, BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": share}) == answer


def test_the_arbiter_has_no_part_in_a_settlement(trade: Trade) -> None:
    assert code(trade, ARBITER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"}) == "not_your_move"
    offer = trade.say(VENDOR, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"}).message.digest
    assert code(trade, ARBITER, Kind.SETTLEMENT_ACCEPT, {"offer": offer}) == "not_your_move"


@pytest.mark.parametrize(
    ("bps", "cosigner", "during", "final"),
    [
        (10_000, VENDOR, State.RELEASING, Event.RELEASE_CONFIRMED),
        (0, BUYER, State.REFUNDING, Event.REFUND_CONFIRMED),
        (2_500, BUYER, State.SETTLING, Event.SETTLEMENT_CONFIRMED),
        (2_500, VENDOR, State.SETTLING, Event.SETTLEMENT_CONFIRMED),
    ],
)
def test_arbiter_and_winner_carry_a_ruling_out_without_the_loser(
    trade: Trade, bps: int, cosigner: Role, during: State, final: Event
) -> None:
    trade.dispute(VENDOR)
    rule(trade, bps, cosigner)
    assert state(trade) is during
    payout = trade.now.payout
    assert payout is not None
    assert payout.signers == (ARBITER, cosigner)
    (loser,) = set(Role) - {ARBITER, cosigner}
    assert next_step(trade.now, loser) is None
    assert next_step(trade.now, ARBITER) == ExportInfo(1)
    trade.pay()
    after, _ = observe(trade.now, final, by=Teller.CHAIN)
    assert after.state in PAID_OUT


def test_a_ruling_can_be_replaced_until_it_is_carried_out(trade: Trade) -> None:
    trade.dispute(BUYER)
    rule(trade, 10_000, VENDOR)
    rule(trade, 5_000, BUYER)
    assert trade.now.payout is not None
    assert (trade.now.payout.vendor_bps, trade.now.payout.attempt) == (5_000, 2)
    trade.pay()
    body: dict[str, Json] = {"vendor_bps": 0, "cosigner": "buyer"}
    assert code(trade, ARBITER, Kind.RULING, body) == "payout_already_broadcast"


@pytest.mark.parametrize("role", [BUYER, VENDOR])
def test_only_the_arbiter_rules_and_only_on_a_dispute(trade: Trade, role: Role) -> None:
    body: dict[str, Json] = {"vendor_bps": 0, "cosigner": "buyer"}
    assert code(trade, ARBITER, Kind.RULING, body) == "move_not_open"
    trade.dispute(BUYER)
    assert code(trade, role, Kind.RULING, body) == "not_your_move"


def test_the_arbiter_cannot_rule_on_what_the_parties_agreed(trade: Trade) -> None:
    trade.say(BUYER, Kind.RELEASE)
    body: dict[str, Json] = {"vendor_bps": 0, "cosigner": "buyer"}
    assert code(trade, ARBITER, Kind.RULING, body) == "move_not_open"


@pytest.mark.parametrize(
    ("bps", "cosigner", "answer"),
    [
        (-1, "buyer", "share_out_of_range"),
        (10_001, "vendor", "share_out_of_range"),
        (10_000, "buyer", "share_out_of_range"),
        (0, "vendor", "share_out_of_range"),
        (5_000, "arbiter", "body_malformed"),
        (True, "buyer", "body_malformed"),
        ("5000", "buyer", "body_malformed"),
    ],
)
def test_a_ruling_gives_shares_and_is_carried_out_by_somebody_who_gets_one(
    trade: Trade, bps: Json, cosigner: str, answer: str
) -> None:
    trade.dispute(BUYER)
    assert code(trade, ARBITER, Kind.RULING, {"vendor_bps": bps, "cosigner": cosigner}) == answer


def test_in_a_dispute_all_three_may_speak_and_show_evidence(trade: Trade) -> None:
    early = trade.sealed(BUYER, Kind.STATEMENT, "text", "x", attempt=0, round_=0)
    assert code(trade, BUYER, Kind.STATEMENT, early) == "move_not_open"
    trade.dispute(BUYER)
    for role in Role:
        for kind in (Kind.STATEMENT, Kind.EVIDENCE):
            trade.say(role, kind, trade.sealed(role, kind, "text", "x", attempt=0, round_=0))
    assert state(trade) is State.DISPUTED


def test_a_release_that_does_not_move_can_be_disputed(trade: Trade) -> None:
    trade.say(BUYER, Kind.RELEASE)
    trade.dispute(BUYER)
    rule(trade, 0, BUYER)
    assert trade.now.payout is not None
    assert (state(trade), trade.now.payout.attempt) == (State.REFUNDING, 2)


@pytest.mark.parametrize("role", [BUYER, VENDOR])
def test_in_a_dispute_either_trader_can_still_give_in(trade: Trade, role: Role) -> None:
    trade.dispute(BUYER)
    trade.say(role, Kind.RELEASE if role is BUYER else Kind.REFUND)
    assert state(trade) is (State.RELEASING if role is BUYER else State.REFUNDING)


def test_nothing_is_divided_before_a_wallet_has_seen_money(
    identities: dict[Role, Identity],
) -> None:
    trade = Trade(identities)
    trade.agree()
    trade.key()
    assert code(trade, VENDOR, Kind.REFUND, {}) == "no_money_present"
    assert code(trade, BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"}) == "no_money_present"
    reason = trade.sealed(BUYER, Kind.DISPUTE, "text", "?", attempt=0, round_=0)
    assert code(trade, BUYER, Kind.DISPUTE, reason) == "no_money_present"


def test_an_underpaid_deposit_can_be_refunded_or_disputed(
    identities: dict[Role, Identity],
) -> None:
    trade = Trade(identities)
    trade.agree()
    trade.key()
    trade.report(VENDOR, ATOMIC // 2)
    trade.say(VENDOR, Kind.REFUND)
    assert state(trade) is State.REFUNDING


def test_money_that_arrives_after_a_cancellation_goes_back(
    identities: dict[Role, Identity],
) -> None:
    trade = Trade(identities)
    trade.agree()
    trade.key()
    trade.say(BUYER, Kind.CANCEL, {"reason": "changed_mind"})
    assert isinstance(next_step(trade.now, VENDOR), WatchDeposit)
    trade.report(BUYER, ATOMIC)
    assert state(trade) is State.CANCELLED
    trade.report(VENDOR, ATOMIC)
    assert state(trade) is State.REFUNDING
    assert trade.now.payout is not None
    assert trade.now.payout.signers == (VENDOR, BUYER)
    trade.pay()
    after, _ = observe(trade.now, Event.REFUND_CONFIRMED, by=Teller.CHAIN)
    assert after.state is State.REFUNDED


def test_a_payout_made_outside_counts_once_two_wallets_saw_it(trade: Trade) -> None:
    trade.dispute(BUYER)
    seen: dict[str, Json] = {"txid": "ef" * 32, "outcome": "refund"}
    trade.say(BUYER, Kind.PAYOUT_SEEN, seen)
    trade.say(VENDOR, Kind.PAYOUT_SEEN, {**seen, "outcome": "release"})
    assert trade.now.broadcasts == {}
    trade.say(ARBITER, Kind.PAYOUT_SEEN, seen)
    assert trade.now.broadcasts == {"ef" * 32: Event.REFUND_CONFIRMED}
    assert state(trade) is State.DISPUTED
    after, _ = observe(trade.now, Event.REFUND_CONFIRMED, by=Teller.CHAIN)
    assert after.state is State.REFUNDED


def test_whoever_lost_cannot_stop_a_ruling_by_another_dispute(trade: Trade) -> None:
    trade.dispute(BUYER)
    rule(trade, 10_000, VENDOR)
    body = trade.sealed(BUYER, Kind.DISPUTE, "text", "no!", attempt=0, round_=0)

    assert code(trade, BUYER, Kind.DISPUTE, body) == "move_not_open"
    assert state(trade) is State.RELEASING


def test_a_payout_sent_before_a_dispute_is_watched_in_it(trade: Trade) -> None:
    trade.say(BUYER, Kind.RELEASE)
    trade.pay("cd" * 32)
    trade.dispute(VENDOR)

    assert {next_step(trade.now, role) for role in Role} == {WatchPayout("cd" * 32)}
    assert waiting_on(trade.now) == ((ARBITER, "rule"),), "who disputes isn't asked to give in"


def test_a_record_with_a_move_is_stored_and_read_again_and_others_are_stored_as_before() -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})
    plain = snapshot.to_json(trade.now)
    assert plain["offers"] == {"buyer": [trade.now.offers[BUYER].digest, "1"]}
    successor = Successor("77" * 16, "ab" * 32, OTHER_ADDRESS)

    trade.say(VENDOR, Kind.SETTLEMENT_OFFER, write_move(successor))
    assert snapshot.from_json(snapshot.to_json(trade.now)) == trade.now
    offer = trade.now.offers[VENDOR].digest
    trade.say(BUYER, Kind.SETTLEMENT_ACCEPT, {"offer": offer})

    assert trade.now.payout is not None
    assert trade.now.payout.successor == successor
    assert snapshot.from_json(snapshot.to_json(trade.now)) == trade.now


@pytest.mark.parametrize(
    "lie",
    [
        {"escrow_id": ESCROW_ID},
        {"escrow_id": "x"},
        {"contract_id": "x"},
        {"address": "x"},
        {"amount": "1"},
    ],
)
def test_a_move_names_another_escrow_its_contract_and_an_address(lie: dict[str, str]) -> None:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    named = {"escrow_id": "77" * 16, "contract_id": "ab" * 32, "address": OTHER_ADDRESS, **lie}

    with pytest.raises(Refused):
        trade.say(BUYER, Kind.SETTLEMENT_OFFER, {"successor": named})


def test_only_its_vendor_calls_off_a_successor_that_is_keyed() -> None:
    """What reaches a cancelled escrow goes to the buyer: nobody else may have that happen."""
    trade = Trade(terms=terms(succeeds=Predecessor("77" * 16, "ab" * 32)))
    trade.agree()
    trade.key()

    for role in (BUYER, ARBITER):
        with pytest.raises(SuccessorBinds):
            trade.say(role, Kind.CANCEL, {"reason": "changed_mind"})
    trade.say(VENDOR, Kind.CANCEL, {"reason": "changed_mind"})
    assert trade.now.state is State.CANCELLED
