"""A coordinator that lies, and a party that isn't who it was: the agent stops and says so."""

from __future__ import annotations

import pytest

from tests.unit.agent.market import Market
from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID, OTHER_ADDRESS
from tripartite.agent.decisions import Decision, OwnPart, Verified
from tripartite.agent.keyring import SealedValueMoved
from tripartite.agent.ports import Forwarded
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, read_envelope, write_envelope
from tripartite.protocol.identity import Identity


def offered(market: Market) -> None:
    """The buyer's proposal is with the vendor, who hasn't answered."""
    market.propose()
    market.buyer.work()
    market.vendor.hear()


def forged(market: Market, *, role: Role, seq: int, prev: str | None, signer: Identity) -> str:
    return write_envelope(
        signer,
        escrow_id=ESCROW_ID,
        contract_id=None,
        role=role,
        kind=Kind.CANCEL,
        seq=seq,
        prev=prev,
        body={"reason": "forged"},
    )


def test_a_message_signed_by_a_stranger_freezes_the_escrow(market: Market) -> None:
    offered(market)
    head = market.record.heads[Role.BUYER]
    text = forged(market, role=Role.BUYER, seq=2, prev=head.digest, signer=Identity.generate())

    market.vendor.desk.cases.receive([Forwarded(ESCROW_ID, 2, text)])

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "signature_invalid"
    assert market.vendor.alarms == ["signature_invalid"]


def test_a_frozen_escrow_gets_no_signature_until_its_human_resumes(market: Market) -> None:
    offered(market)
    market.vendor.desk.cases.receive([Forwarded(ESCROW_ID, 2, "rubbish")])
    market.vendor.decide(Decision.ACCEPT)

    market.vendor.work()
    assert Role.VENDOR not in market.record.details

    market.vendor.restart()
    market.vendor.work()
    assert Role.VENDOR not in market.record.details

    market.vendor.decide(Decision.RESUME)
    market.vendor.work()
    assert Role.VENDOR in market.record.details


def test_a_coordinator_that_rewrites_a_place_is_caught(market: Market) -> None:
    offered(market)
    other = Market(market.vendor.directory / "elsewhere")
    other.propose()
    other.buyer.work()

    market.vendor.desk.cases.receive(
        [Forwarded(ESCROW_ID, 1, other.coordinator.texts[ESCROW_ID][0])]
    )

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "position_rewritten"
    for trader in other.traders.values():
        trader.opened.journal.close()


def test_a_message_in_two_places_is_caught(market: Market) -> None:
    offered(market)

    market.vendor.desk.cases.receive(
        [Forwarded(ESCROW_ID, 2, market.coordinator.texts[ESCROW_ID][0])]
    )

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "message_repeated"


def test_words_in_ones_own_name_that_one_never_wrote_are_caught(market: Market) -> None:
    offered(market)
    text = forged(market, role=Role.VENDOR, seq=1, prev=None, signer=market.vendor.opened.identity)

    market.vendor.desk.cases.receive([Forwarded(ESCROW_ID, 2, text)])

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "own_words_forged"


def test_a_proposal_that_does_not_verify_is_remembered_and_left(market: Market) -> None:
    market.vendor.desk.cases.receive([Forwarded(ESCROW_ID, 1, "rubbish")])

    assert market.vendor.desk.cases.get(ESCROW_ID) is None
    assert market.vendor.alarms == ["envelope_malformed"]


def test_an_escrow_of_others_is_none_of_our_business(market: Market) -> None:
    offered(market)
    stranger = Market(market.vendor.directory / "elsewhere")

    text = market.coordinator.texts[ESCROW_ID][0]
    stranger.vendor.desk.cases.receive([Forwarded(ESCROW_ID, 1, text)])

    assert stranger.vendor.desk.cases.get(ESCROW_ID) is None
    assert stranger.vendor.alarms == []
    for trader in stranger.traders.values():
        trader.opened.journal.close()


def test_messages_that_come_out_of_order_wait_for_each_other(market: Market) -> None:
    market.agree()
    texts = market.coordinator.texts[ESCROW_ID]
    late = Market(market.vendor.directory / "elsewhere")
    late.arbiter.opened = market.arbiter.opened
    late.arbiter.put_together("another view")
    market.arbiter.opened.journal.write("DELETE FROM escrows")
    market.arbiter.opened.journal.write("DELETE FROM messages")
    cases = late.arbiter.desk.cases

    cases.receive([Forwarded(ESCROW_ID, 2, texts[1])], cursor=7)
    assert cases.is_behind(ESCROW_ID)
    assert late.arbiter.opened.journal.setting("events_cursor") is None

    cases.receive([Forwarded(ESCROW_ID, 1, texts[0])], cursor=8)
    found = cases.get(ESCROW_ID)
    assert found is not None
    assert found.position == 2
    assert late.arbiter.opened.journal.setting("events_cursor") == "8"
    for role in (Role.BUYER, Role.VENDOR):
        late.traders[role].opened.journal.close()


def test_a_contact_with_another_key_freezes_the_proposal(market: Market) -> None:
    market.vendor.desk.decisions.pin(
        "buyer-account", Identity.generate().public, Verified.FINGERPRINT
    )

    offered(market)
    market.vendor.work()

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "contact_key_changed"


def test_a_known_key_under_another_name_freezes_the_proposal(market: Market) -> None:
    market.vendor.desk.decisions.pin(
        "an old friend", market.buyer.opened.identity.public, Verified.FIRST_USE
    )

    offered(market)
    market.vendor.work()

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "contact_key_changed"


def test_terms_are_not_signed_when_the_own_part_is_not_what_was_given(market: Market) -> None:
    offered(market)
    market.vendor.decide(Decision.ACCEPT)
    market.vendor.work()
    market.vendor.desk.decisions.save_own_part(ESCROW_ID, OwnPart(OTHER_ADDRESS, None, "00" * 16))
    market.arbiter.hear()
    market.arbiter.decide(Decision.ACCEPT)
    market.settle()

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "own_part_changed"
    assert Role.VENDOR not in market.record.signed


def test_terms_are_not_signed_when_two_are_paid_at_one_address(market: Market) -> None:
    offered(market)
    market.vendor.desk.decisions.decide(
        ESCROW_ID,
        Decision.ACCEPT,
        {
            "proposal": market.record.proposal,
            "address": ADDRESSES[Role.BUYER],
            "subject": None,
            "salt": "00" * 16,
        },
    )
    market.vendor.work()
    market.arbiter.hear()
    market.arbiter.decide(Decision.ACCEPT)
    market.settle()

    assert market.record.state is State.CREATED
    assert market.record.signed == frozenset()
    assert "terms_unsound" in market.buyer.alarms


def test_an_acceptance_of_another_proposal_is_not_said(market: Market) -> None:
    offered(market)
    number = market.vendor.desk.decisions.decide(
        ESCROW_ID,
        Decision.ACCEPT,
        {"proposal": "00" * 32, "address": ADDRESSES[Role.VENDOR], "subject": None, "salt": "00"},
    )

    market.vendor.work()

    assert market.vendor.desk.decisions.intent(number).outcome == "decision_outdated"
    assert Role.VENDOR not in market.record.details


def test_an_address_that_the_own_wallet_does_not_show_is_not_watched(market: Market) -> None:
    market.agree()
    market.buyer.opened.journal.write("UPDATE wallets SET address = ?", (OTHER_ADDRESS,))
    market.buyer.seconds += 1_000
    market.buyer.work()

    assert market.buyer.case.frozen is not None
    assert market.buyer.case.frozen.code == "address_not_own"


def test_wallets_that_end_at_another_address_stop_the_exchange(market: Market) -> None:
    market.arbiter.wallets.address = OTHER_ADDRESS
    market.agree()

    assert market.record.state is State.KEYING
    assert market.arbiter.case.frozen is not None
    assert market.arbiter.case.frozen.code == "address_mismatch"


def test_a_decision_that_was_moved_to_another_escrow_is_not_carried_out(market: Market) -> None:
    number = market.propose()
    market.buyer.opened.journal.write(
        "UPDATE intents SET escrow_id = ? WHERE id = ?", ("11" * 16, number)
    )

    with pytest.raises(SealedValueMoved):
        market.buyer.desk.decisions.next_intent("11" * 16)
    market.buyer.work("11" * 16)

    assert market.coordinator.received == []
    assert market.buyer.alarms == ["sealed_value_moved"]


def test_what_the_wallet_said_travels_sealed(market: Market) -> None:
    market.agree()
    messages = [read_envelope(text) for text in market.coordinator.texts[ESCROW_ID]]
    secret = [message.body for message in messages if message.kind is Kind.KEY_EXCHANGE]

    assert len(secret) == 9
    for trader in market.traders.values():
        ref = trader.desk.book.assigned(ESCROW_ID, 1)
        assert ref is not None
        assert all(ref.name not in str(body) for body in secret)
