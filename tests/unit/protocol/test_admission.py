"""The judge of messages: an honest escrow passes, and every lie has its own answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.protocol.trade import DEPOSIT_ADDRESS, OTHER_ADDRESS, Trade, terms
from tripartite.domain.errors import Refused, Tampered, TripartiteError
from tripartite.domain.key_exchange import MAX_ATTEMPTS, Round
from tripartite.domain.lifecycle import Event, State, Teller
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.protocol.admission import admit, observe, open_record
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, Kind, read_envelope, write_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import NotAParty, transcript
from tripartite.protocol.signing import sign

BUYER, VENDOR, ARBITER = Role


@pytest.fixture(scope="module")
def identities() -> dict[Role, Identity]:
    """Keys are slow to make; stories may share them."""
    return {role: Identity.generate() for role in Role}


@pytest.fixture
def trade(identities: dict[Role, Identity]) -> Trade:
    """An escrow nobody has spoken in yet."""
    return Trade(identities)


def refused(trade: Trade, text: str) -> TripartiteError:
    """The answer to ``text``, which must leave the record as it was."""
    before = trade.record
    with pytest.raises(TripartiteError) as answer:
        trade.hear(text)
    assert trade.record == before
    return answer.value


def state(trade: Trade) -> State:
    """Where the escrow stands now."""
    return trade.now.state


def test_an_escrow_goes_from_proposal_to_completed(trade: Trade) -> None:
    trade.agree()
    assert state(trade) is State.ACCEPTED
    trade.key()
    assert state(trade) is State.AWAITING_DEPOSIT
    assert trade.now.address == DEPOSIT_ADDRESS
    trade.fund()
    assert state(trade) is State.FUNDED
    trade.say(BUYER, Kind.RELEASE)
    trade.pay()
    assert state(trade) is State.RELEASING
    after, step = observe(trade.now, Event.RELEASE_CONFIRMED, by=Teller.CHAIN)
    assert (step.before, after.state) == (State.RELEASING, State.COMPLETED)
    events = [step.event for admission in trade.log for step in admission.steps]
    assert events == [
        Event.TERMS_SIGNED,
        Event.KEY_EXCHANGE_STARTED,
        Event.ADDRESS_ATTESTED,
        Event.DEPOSIT_CONFIRMED,
        Event.RELEASE_SIGNED,
        Event.PAYOUT_BROADCAST,
    ]


def test_a_vendor_refunds(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(VENDOR, Kind.REFUND)
    trade.pay()
    after, _ = observe(trade.now, Event.REFUND_CONFIRMED, by=Teller.CHAIN)
    assert after.state is State.REFUNDED


def test_the_same_message_again_changes_nothing(trade: Trade) -> None:
    trade.agree()
    trade.key()
    for admission in trade.log[-6:]:
        again = admit(trade.now, admission.message.text)
        assert again.duplicate
        assert again.record == trade.now


def test_the_contract_id_covers_terms_and_every_sealed_part(
    identities: dict[Role, Identity],
) -> None:
    ids: set[str | None] = set()
    for changes in ({}, {"amount": ATOMIC + 1}):
        trade = Trade(identities, terms=terms(**changes))
        trade.propose()
        trade.accept(VENDOR)
        assert trade.now.contract_id is None
        trade.accept(ARBITER)
        ids.add(trade.now.contract_id)
    other = Trade(identities)
    other.propose()
    other.accept(VENDOR)
    body: dict[str, Json] = {
        "proposal": other.now.proposal,
        "details": {**other.details(ARBITER, Kind.ACCEPT), "hash": "00" * 32},
    }
    other.say(ARBITER, Kind.ACCEPT, body)
    ids.add(other.now.contract_id)
    assert len(ids) == 3
    assert None not in ids


# --- Lies about who speaks ---------------------------------------------------------------------


@pytest.mark.parametrize("claimed", [VENDOR, ARBITER])
def test_nobody_speaks_for_another(trade: Trade, claimed: Role) -> None:
    trade.propose()
    text = trade.write(claimed, Kind.CANCEL, {"reason": "x"}, signer=trade.identities[BUYER])
    assert refused(trade, text).code == "signature_invalid"


def test_a_stranger_is_not_heard(trade: Trade) -> None:
    trade.propose()
    text = trade.write(VENDOR, Kind.CANCEL, {"reason": "x"}, signer=Identity.generate())
    answer = refused(trade, text)
    assert answer.code == "signature_invalid"
    assert isinstance(answer, Tampered)


def test_one_changed_letter_breaks_the_signature(trade: Trade) -> None:
    trade.propose()
    text = trade.write(VENDOR, Kind.CANCEL, {"reason": "x"})
    flipped = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]
    assert refused(trade, flipped).code == "signature_invalid"


def test_a_proposal_must_be_signed_by_its_proposer(identities: dict[Role, Identity]) -> None:
    trade = Trade(identities)
    body: dict[str, Json] = {
        "terms": trade.agreement.to_json(),
        "details": trade.details(BUYER, Kind.PROPOSE),
    }
    text = trade.write(BUYER, Kind.PROPOSE, body, signer=identities[VENDOR])
    with pytest.raises(Tampered) as answer:
        open_record(text)
    assert answer.value.code == "signature_invalid"


def test_a_stranger_has_no_role(trade: Trade) -> None:
    trade.propose()
    assert trade.now.role_of(trade.identities[VENDOR].public) is VENDOR
    with pytest.raises(NotAParty):
        trade.now.role_of(Identity.generate().public)


# --- Lies about order --------------------------------------------------------------------------


def test_a_dropped_message_breaks_the_chain(trade: Trade) -> None:
    trade.agree()
    kept = trade.now
    trade.exchange(BUYER, Round.PREPARE)
    for role in (VENDOR, ARBITER):
        trade.exchange(role, Round.PREPARE)
    later = trade.exchange(BUYER, Round.MAKE).message.text
    without = replace(
        trade.now,
        heads={**trade.now.heads, BUYER: kept.heads[BUYER]},
        exchange={k: v for k, v in trade.now.exchange.items() if k != (Round.MAKE, BUYER)},
    )
    with pytest.raises(Tampered) as answer:
        admit(without, later)
    assert answer.value.code == "chain_broken"


def test_a_number_used_before_is_refused(trade: Trade) -> None:
    trade.agree()
    text = trade.write(BUYER, Kind.CANCEL, {"reason": "x"}, seq=1)
    answer = refused(trade, text)
    assert answer.code == "message_replayed"
    assert isinstance(answer, Refused)


def test_a_refused_message_uses_its_number_up_and_the_chain_goes_on(trade: Trade) -> None:
    trade.agree()
    assert refused(trade, trade.write(BUYER, Kind.RELEASE, {})).code == "move_not_open"
    seq = trade.now.heads[BUYER].seq
    body = trade.sealed(
        BUYER, Kind.KEY_EXCHANGE, "multisig_info", "x", attempt=1, round_=Round.PREPARE
    )
    text = trade.write(BUYER, Kind.KEY_EXCHANGE, body, attempt=1, round_=1, seq=seq + 2)
    assert trade.hear(text).record.heads[BUYER].seq == seq + 2


def test_a_second_word_in_the_same_place_is_tampering(trade: Trade) -> None:
    trade.agree()
    trade.exchange(BUYER, Round.PREPARE)
    body = trade.sealed(
        BUYER, Kind.KEY_EXCHANGE, "multisig_info", "other", attempt=1, round_=Round.PREPARE
    )
    text = trade.write(BUYER, Kind.KEY_EXCHANGE, body, attempt=1, round_=Round.PREPARE)
    answer = refused(trade, text)
    assert answer.code == "message_substituted"
    assert isinstance(answer, Tampered)


def test_two_txsets_for_one_payout_attempt_are_tampering(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(BUYER, Kind.RELEASE)
    trade.pay()
    other = trade.txset(BUYER, attempt=1, value="11")
    text = trade.write(BUYER, Kind.PAYOUT_TXSET, other, attempt=1, round_=2)
    assert refused(trade, text).code == "message_substituted"


def test_a_message_of_another_escrow_is_refused(trade: Trade) -> None:
    trade.propose()
    text = trade.write(VENDOR, Kind.CANCEL, {"reason": "x"}, escrow_id="ab" * 16)
    assert refused(trade, text).code == "wrong_escrow"


@pytest.mark.parametrize("contract", [None, "00" * 32])
def test_a_message_about_other_terms_is_refused(trade: Trade, contract: str | None) -> None:
    trade.agree()
    text = trade.write(BUYER, Kind.CANCEL, {"reason": "x"}, contract_id=contract)
    assert refused(trade, text).code == "wrong_contract"


# --- Rounds and attempts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "round_"), [(1, 2), (1, 3), (2, 1), (0, 1), (1, 0), (1, 4), (1, 5)]
)
def test_a_key_exchange_message_out_of_turn_is_refused(
    trade: Trade, attempt: int, round_: int
) -> None:
    trade.agree()
    body = trade.sealed(
        BUYER, Kind.KEY_EXCHANGE, "multisig_info", "x", attempt=attempt, round_=round_
    )
    text = trade.write(BUYER, Kind.KEY_EXCHANGE, body, attempt=attempt, round_=round_)
    assert refused(trade, text).code == "out_of_round"


def test_kinds_without_rounds_name_none(trade: Trade) -> None:
    trade.agree()
    text = trade.write(BUYER, Kind.CANCEL, {"reason": "x"}, attempt=1)
    assert refused(trade, text).code == "out_of_round"


def test_a_restart_throws_the_attempt_away_and_the_next_one_succeeds(trade: Trade) -> None:
    trade.agree()
    for role in Role:
        trade.exchange(role, Round.PREPARE)
    old = trade.exchange(VENDOR, Round.MAKE).message.text
    reason: dict[str, Json] = {"reason": "wallet_in_doubt"}
    trade.say(ARBITER, Kind.KEY_EXCHANGE_RESTART, reason, attempt=1)
    assert (trade.now.attempt, trade.now.exchange) == (2, {})
    assert admit(trade.now, old).duplicate
    text = trade.write(BUYER, Kind.KEY_EXCHANGE_RESTART, reason, attempt=1)
    assert refused(trade, text).code == "out_of_round"
    trade.key()
    assert state(trade) is State.AWAITING_DEPOSIT


def test_an_attested_wallet_is_never_thrown_away(trade: Trade) -> None:
    trade.agree()
    trade.key()
    text = trade.write(BUYER, Kind.KEY_EXCHANGE_RESTART, {"reason": "x"}, attempt=1)
    assert refused(trade, text).code == "move_not_open"


def test_key_exchange_does_not_restart_for_ever(trade: Trade) -> None:
    trade.agree()
    trade.exchange(BUYER, Round.PREPARE)
    for attempt in range(1, MAX_ATTEMPTS):
        trade.say(BUYER, Kind.KEY_EXCHANGE_RESTART, {"reason": "x"}, attempt=attempt)
    text = trade.write(BUYER, Kind.KEY_EXCHANGE_RESTART, {"reason": "x"}, attempt=MAX_ATTEMPTS)
    assert refused(trade, text).code == "too_many_attempts"


# --- Attestation -------------------------------------------------------------------------------


def keyed_but_for(trade: Trade, *missing: Role) -> None:
    """All rounds done; everybody but ``missing`` attested."""
    trade.agree()
    for this in (Round.PREPARE, Round.MAKE, Round.EXCHANGE):
        for role in Role:
            trade.exchange(role, this)
    for role in Role:
        if role not in missing:
            trade.attest(role)


def test_no_address_is_shown_before_all_three_attest(trade: Trade) -> None:
    keyed_but_for(trade, ARBITER)
    assert trade.now.address is None
    assert state(trade) is State.KEYING
    trade.attest(ARBITER)
    assert trade.now.address == DEPOSIT_ADDRESS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"address": OTHER_ADDRESS}, "address_mismatch"),
        ({"transcript": "00" * 32}, "transcript_mismatch"),
        ({"address": "4" + DEPOSIT_ADDRESS[1:-1] + "1"}, "address_checksum"),
        ({"transcript": "x"}, "body_malformed"),
        ({"extra": 1}, "body_malformed"),
    ],
)
def test_a_differing_attestation_stops_the_escrow_before_money(
    trade: Trade, change: dict[str, Any], code: str
) -> None:
    keyed_but_for(trade, ARBITER)
    body = {"address": DEPOSIT_ADDRESS, "transcript": transcript(trade.now), **change}
    text = trade.write(ARBITER, Kind.ATTEST, body, attempt=1, round_=Round.ATTEST)
    assert refused(trade, text).code == code
    trade.attest(ARBITER)
    assert state(trade) is State.AWAITING_DEPOSIT


def test_the_transcript_depends_on_every_message(trade: Trade) -> None:
    keyed_but_for(trade, *Role)
    seen = {transcript(trade.now)}
    for slot in trade.now.exchange:
        swapped = replace(trade.now, exchange={**trade.now.exchange, slot: "11" * 32})
        seen.add(transcript(swapped))
    assert len(seen) == 10
    assert None not in seen


# --- Deposits ----------------------------------------------------------------------------------


def test_one_wallet_alone_does_not_fund_an_escrow(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.report(BUYER, 10 * ATOMIC)
    trade.report(BUYER, 10 * ATOMIC)
    assert state(trade) is State.AWAITING_DEPOSIT
    trade.report(VENDOR, ATOMIC - 1, pending=1)
    assert state(trade) is State.AWAITING_DEPOSIT
    trade.report(VENDOR, ATOMIC)
    assert state(trade) is State.FUNDED


def test_a_deposit_that_vanishes_takes_the_escrow_back(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    trade.report(VENDOR, 0)
    assert state(trade) is State.AWAITING_DEPOSIT
    trade.report(VENDOR, ATOMIC)
    assert state(trade) is State.FUNDED


def test_an_escrow_with_money_is_not_cancelled(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.report(BUYER, 0, pending=1)
    text = trade.write(BUYER, Kind.CANCEL, {"reason": "changed_mind"})
    assert refused(trade, text).code == "money_present"
    trade.report(BUYER, 0)
    trade.say(BUYER, Kind.CANCEL, {"reason": "changed_mind"})
    assert state(trade) is State.CANCELLED


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("confirmed", "-1", "amount_malformed"),
        ("confirmed", "01", "amount_malformed"),
        ("confirmed", "1.5", "amount_malformed"),
        ("confirmed", str(2**64), "amount_above_supply"),
        ("confirmed", 1, "body_malformed"),
        ("height", -1, "deposit_invalid"),
        ("height", True, "body_malformed"),
        ("height", "9", "body_malformed"),
        ("note", "x", "body_malformed"),
    ],
)
def test_a_deposit_report_is_read_strictly(
    trade: Trade, field: str, value: Json, code: str
) -> None:
    trade.agree()
    trade.key()
    body: dict[str, Json] = {"confirmed": "0", "pending": "0", "locked": "0", "height": 9}
    text = trade.write(BUYER, Kind.DEPOSIT_REPORT, {**body, field: value})
    assert refused(trade, text).code == code


# --- Payouts -----------------------------------------------------------------------------------


def releasing(trade: Trade) -> None:
    """The buyer has released; nothing is built yet."""
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(BUYER, Kind.RELEASE)


@pytest.mark.parametrize("role", [VENDOR, ARBITER])
def test_only_the_buyer_releases(trade: Trade, role: Role) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    assert refused(trade, trade.write(role, Kind.RELEASE, {})).code == "not_your_move"


@pytest.mark.parametrize("role", [BUYER, ARBITER])
def test_only_the_vendor_refunds(trade: Trade, role: Role) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    assert refused(trade, trade.write(role, Kind.REFUND, {})).code == "not_your_move"


@pytest.mark.parametrize("kind", [Kind.RELEASE, Kind.REFUND])
def test_nobody_pays_out_before_the_money_is_there(trade: Trade, kind: Kind) -> None:
    trade.agree()
    role = BUYER if kind is Kind.RELEASE else VENDOR
    assert refused(trade, trade.write(role, kind, {})).code == "move_not_open"


def test_a_party_outside_the_payout_cannot_take_part(trade: Trade) -> None:
    releasing(trade)
    body = trade.sealed(ARBITER, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
    text = trade.write(ARBITER, Kind.PAYOUT_INFO, body, attempt=1, round_=1)
    assert refused(trade, text).code == "wrong_role"


def test_a_payout_is_built_only_after_both_exported(trade: Trade) -> None:
    releasing(trade)
    body = trade.txset(BUYER, attempt=1)
    text = trade.write(BUYER, Kind.PAYOUT_TXSET, body, attempt=1, round_=2)
    assert refused(trade, text).code == "out_of_round"


def test_the_cosigner_cannot_build_and_the_builder_cannot_submit(trade: Trade) -> None:
    releasing(trade)
    for role in (BUYER, VENDOR):
        body = trade.sealed(role, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
        trade.say(role, Kind.PAYOUT_INFO, body, attempt=1, round_=1)
    txset = trade.txset(VENDOR, attempt=1)
    text = trade.write(VENDOR, Kind.PAYOUT_TXSET, txset, attempt=1, round_=2)
    assert refused(trade, text).code == "wrong_role"
    sent: dict[str, Json] = {"txid": "ab" * 32, "tx": "00"}
    text = trade.write(BUYER, Kind.PAYOUT_BROADCAST, sent, attempt=1, round_=3)
    assert refused(trade, text).code == "wrong_role"
    text = trade.write(VENDOR, Kind.PAYOUT_BROADCAST, sent, attempt=1, round_=3)
    assert refused(trade, text).code == "out_of_round"


def test_a_payout_that_failed_is_made_again_with_fresh_exports(trade: Trade) -> None:
    releasing(trade)
    body = trade.sealed(BUYER, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
    trade.say(BUYER, Kind.PAYOUT_INFO, body, attempt=1, round_=1)
    trade.say(VENDOR, Kind.PAYOUT_RESTART, {"reason": "stale_data"}, attempt=1)
    assert trade.now.payout is not None
    assert (trade.now.payout.attempt, trade.now.payout.said) == (2, {})
    body = trade.sealed(VENDOR, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
    text = trade.write(VENDOR, Kind.PAYOUT_INFO, body, attempt=1, round_=1)
    assert refused(trade, text).code == "out_of_round"
    trade.pay()
    assert trade.now.payout.txid == "ab" * 32


def test_a_payout_built_anew_leaves_the_first_broadcast_on_record(trade: Trade) -> None:
    releasing(trade)
    trade.pay()
    trade.say(BUYER, Kind.PAYOUT_RESTART, {"reason": "payout_vanished"}, attempt=1)
    assert trade.now.payout is not None
    assert (trade.now.payout.attempt, trade.now.payout.txid) == (2, None)
    trade.pay(txid="cd" * 32)
    assert trade.now.broadcasts == {
        "ab" * 32: Event.RELEASE_CONFIRMED,
        "cd" * 32: Event.RELEASE_CONFIRMED,
    }


def test_a_payout_before_consent_has_no_place(trade: Trade) -> None:
    trade.agree()
    trade.key()
    trade.fund()
    body = trade.sealed(BUYER, Kind.PAYOUT_INFO, "multisig_info", "x", attempt=1, round_=1)
    text = trade.write(BUYER, Kind.PAYOUT_INFO, body, attempt=1, round_=1)
    assert refused(trade, text).code == "move_not_open"


# --- Terms -------------------------------------------------------------------------------------


def test_an_escrow_has_one_proposal(trade: Trade) -> None:
    trade.propose()
    first = trade.log[0].message
    text = trade.write(BUYER, Kind.PROPOSE, first.body)
    assert refused(trade, text).code == "already_said"


def test_accepting_another_proposal_is_refused(trade: Trade) -> None:
    trade.propose()
    body: dict[str, Json] = {"proposal": "00" * 32, "details": trade.details(VENDOR, Kind.ACCEPT)}
    assert refused(trade, trade.write(VENDOR, Kind.ACCEPT, body)).code == "wrong_proposal"


def test_nobody_accepts_twice(trade: Trade) -> None:
    trade.propose()
    trade.accept(VENDOR)
    body: dict[str, Json] = {
        "proposal": trade.now.proposal,
        "details": trade.details(VENDOR, Kind.ACCEPT),
    }
    assert refused(trade, trade.write(VENDOR, Kind.ACCEPT, body)).code == "already_said"


def test_terms_are_signed_only_when_complete_and_once(trade: Trade) -> None:
    trade.propose()
    trade.accept(VENDOR)
    assert refused(trade, trade.write(BUYER, Kind.SIGN_TERMS, {})).code == "out_of_round"
    trade.accept(ARBITER)
    trade.say(BUYER, Kind.SIGN_TERMS)
    assert refused(trade, trade.write(BUYER, Kind.SIGN_TERMS, {})).code == "already_said"


@pytest.mark.parametrize("role", Role)
def test_anybody_can_call_it_off_before_money(trade: Trade, role: Role) -> None:
    trade.propose()
    trade.say(role, Kind.CANCEL, {"reason": "no_time"})
    assert state(trade) is State.CANCELLED
    body: dict[str, Json] = {
        "proposal": trade.now.proposal,
        "details": trade.details(VENDOR, Kind.ACCEPT),
    }
    assert refused(trade, trade.write(VENDOR, Kind.ACCEPT, body)).code == "move_not_open"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.update(v=2), "body_malformed"),
        (lambda t: t.update(extra=1), "body_malformed"),
        (lambda t: t.update(network="moneronet"), "body_malformed"),
        (lambda t: t.update(amount="0"), "amount_not_positive"),
        (lambda t: t.update(amount="-5"), "amount_malformed"),
        (lambda t: t.update(amount=str(2**64)), "amount_above_supply"),
        (lambda t: t.update(amount="0.0000000000001"), "amount_malformed"),
        (lambda t: t.update(escrow_id="ab" * 16), "body_malformed"),
        (lambda t: t.update(proposer="vendor"), "body_malformed"),
        (lambda t: t["fees"].update(arbiter_bps=10_001), "fee_rule_invalid"),
        (lambda t: t["fees"].update(arbiter_bps=True), "body_malformed"),
        (lambda t: t["fees"].update(network_fee="nobody"), "body_malformed"),
        (lambda t: t["parties"].update(vendor=t["parties"]["buyer"]), "terms_unsound"),
        (lambda t: t["parties"].pop("arbiter"), "body_malformed"),
        (lambda t: t["deadlines"].update(deposit_minutes=0), "terms_unsound"),
        (
            lambda t: t.update(confirmations=[{"from": "1", "blocks": 9}]),
            "confirmations_out_of_range",
        ),
    ],
    ids=count(),
)
def test_unsound_proposals_are_refused_at_the_edge(
    trade: Trade, change: Callable[[dict[str, Any]], Any], code: str
) -> None:
    altered: dict[str, Any] = trade.agreement.to_json()
    change(altered)
    body = {"terms": altered, "details": trade.details(BUYER, Kind.PROPOSE)}
    with pytest.raises(Refused) as answer:
        open_record(trade.write(BUYER, Kind.PROPOSE, body))
    assert answer.value.code == code


def test_an_escrow_opens_only_with_a_proposal(trade: Trade) -> None:
    trade.propose()
    text = trade.write(VENDOR, Kind.CANCEL, {"reason": "x"})
    with pytest.raises(Refused) as answer:
        open_record(text)
    assert answer.value.code == "not_a_proposal"


# --- Form --------------------------------------------------------------------------------------


def test_an_oversized_envelope_is_refused_and_the_limit_stated(trade: Trade) -> None:
    trade.propose()
    answer = refused(trade, "x" * (MAX_ENVELOPE_BYTES + 1))
    assert answer.code == "envelope_malformed"
    assert str(MAX_ENVELOPE_BYTES) in answer.detail


@settings(max_examples=200)
@given(
    text=st.text(max_size=80)
    | st.from_regex(r"\A[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){0,3}\Z")
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_envelope(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"role": "judge"},
        {"kind": "confess"},
        {"seq": 0},
        {"seq": True},
        {"attempt": -1},
        {"round": "1"},
        {"escrow_id": "5E" * 16},
        {"prev": "00"},
        {"contract_id": "zz" * 32},
        {"body": []},
        {"more": 1},
    ],
)
def test_an_envelope_has_exactly_its_fields(trade: Trade, changes: dict[str, Json]) -> None:
    trade.propose()
    payload: dict[str, Json] = {
        "v": 1,
        "escrow_id": trade.terms.escrow_id,
        "contract_id": None,
        "attempt": 0,
        "round": 0,
        "role": "vendor",
        "kind": "cancel",
        "seq": 1,
        "prev": None,
        "body": {"reason": "x"},
        **changes,
    }
    text = sign(trade.identities[VENDOR], payload, typ="tripartite+jws")
    assert refused(trade, text).code == "envelope_malformed"


def test_a_signed_text_of_another_type_is_no_envelope(trade: Trade) -> None:
    trade.propose()
    text = sign(trade.identities[VENDOR], {"v": 1}, typ="tripartite-pairing+jws")
    assert refused(trade, text).code == "envelope_malformed"


def test_networks_are_told_apart_by_the_deposit_address(identities: dict[Role, Identity]) -> None:
    trade = Trade(identities, terms=terms(network=Network.STAGENET))
    # The parties' own addresses are sealed; the attested one is the first that can be judged.
    trade.agree()
    for this in (Round.PREPARE, Round.MAKE, Round.EXCHANGE):
        for role in Role:
            trade.exchange(role, this)
    body: dict[str, Json] = {"address": DEPOSIT_ADDRESS, "transcript": transcript(trade.now)}
    text = trade.write(BUYER, Kind.ATTEST, body, attempt=1, round_=Round.ATTEST)
    assert refused(trade, text).code == "address_wrong_network"


def test_write_envelope_and_read_envelope_agree(identities: dict[Role, Identity]) -> None:
    text = write_envelope(
        identities[VENDOR],
        escrow_id="5e" * 16,
        contract_id="ab" * 32,
        role=VENDOR,
        kind=Kind.PAYOUT_RESTART,
        seq=7,
        prev="cd" * 32,
        body={"reason": "stale_data"},
        attempt=3,
    )
    message = read_envelope(text)
    assert (message.seq, message.attempt, message.round, message.kind) == (
        7,
        3,
        0,
        Kind.PAYOUT_RESTART,
    )
    assert message.place["kind"] == "payout_restart"
