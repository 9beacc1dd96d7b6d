"""What a human reads before saying yes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.agent.market import Market
from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID, terms
from tripartite.agent import deciding
from tripartite.agent.consent import (
    ContactUnverified,
    EscrowUnknownHere,
    FingerprintUnexpected,
    NotOpenToYou,
    PartyRow,
    check_expectations,
    endings,
    printable,
)
from tripartite.agent.decisions import Decision, Verified
from tripartite.domain.addresses import AddressOfWrongNetwork
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import TermsUnsound
from tripartite.protocol.signing import SignatureInvalid

STAGENET_ADDRESS = "53teqCAESLxeJ1REzGMAat1ZeHvuajvDiXqboEocPaDRRmqWoVPzy46GLo866qRFjbNhfkNckyhST3WEvBviDwpUDd7DSzB"


def row(role: Role, fingerprint: str, *, known: str | None = None, own: bool = False) -> PartyRow:
    return PartyRow(role, role.value, fingerprint, known, own)


ROWS = (row(Role.BUYER, "AAAA", own=True), row(Role.VENDOR, "BBBB"), row(Role.ARBITER, "CCCC"))


def offered(market: Market) -> None:
    market.propose()
    market.buyer.work()
    market.vendor.hear()
    market.vendor.work()


def test_an_acceptance_shows_who_gets_what_in_each_ending(market: Market) -> None:
    offered(market)

    choice = deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.VENDOR])

    facts = dict(choice.consent.facts)
    assert facts["what is traded"] == "a bicycle"
    assert facts["buyer pays in"] == "1 XMR"
    assert facts["buyer is paid at"] == ADDRESSES[Role.BUYER]
    assert facts["vendor is paid at"] == ADDRESSES[Role.VENDOR]
    shown = {end.ending: (end.buyer, end.vendor, end.arbiter) for end in choice.consent.endings}
    assert shown == {
        "released": ("0", "1", "0"),
        "refunded": ("1", "0", "0"),
        "ruled for the vendor": ("0", "0.99", "0.01"),
        "ruled for the buyer": ("0.99", "0", "0.01"),
    }


def test_endings_without_an_arbiters_fee_are_two() -> None:
    plain = replace(terms(), fees=FeeRule(NetworkFeeBearer.PAYEE, 0, 0))

    assert [end.ending for end in endings(plain)] == ["released", "refunded"]


def test_names_and_fingerprints_are_those_of_the_signed_terms(market: Market) -> None:
    offered(market)

    rows = deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.VENDOR]).rows

    assert [one.account for one in rows] == ["buyer-account", "vendor-account", "arbiter-account"]
    assert [one.fingerprint for one in rows] == [
        market.traders[role].opened.identity.public.fingerprint for role in Role
    ]
    assert [one.is_own for one in rows] == [False, True, False]
    assert {one.known for one in rows} == {None}


def test_accepting_pins_whom_one_trades_with(market: Market) -> None:
    offered(market)
    choice = deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.VENDOR])

    deciding.decide(market.vendor.opened, choice, frozenset({Role.BUYER}))

    decisions = market.vendor.desk.decisions
    buyer, arbiter = decisions.contact("buyer-account"), decisions.contact("arbiter-account")
    assert buyer is not None
    assert buyer.verified is Verified.FINGERPRINT
    assert arbiter is not None
    assert arbiter.verified is Verified.FIRST_USE
    rows = deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.VENDOR]).rows
    assert [one.known for one in rows] == ["fingerprint compared", None, "seen before"]


def test_a_release_says_what_is_in_the_wallet_and_who_gets_it(market: Market) -> None:
    market.fund()

    choice = deciding.choose(market.buyer.opened, ESCROW_ID[:6], Decision.RELEASE)

    assert dict(choice.consent.facts)["in the wallet"] == "1 XMR confirmed"
    (end,) = choice.consent.endings
    assert (end.ending, end.buyer, end.vendor) == ("release", "0", "1")
    assert "can't be taken back" in choice.consent.question


def test_an_address_of_another_network_is_refused(market: Market) -> None:
    offered(market)

    with pytest.raises(AddressOfWrongNetwork):
        deciding.accept(market.vendor.opened, ESCROW_ID, STAGENET_ADDRESS)


def test_an_address_that_another_party_named_is_refused(market: Market) -> None:
    offered(market)

    with pytest.raises(TermsUnsound):
        deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.BUYER])


def test_only_what_is_open_is_asked(market: Market) -> None:
    market.agree()

    for trader, decision in (
        (market.buyer, Decision.RELEASE),
        (market.vendor, Decision.RELEASE),
        (market.arbiter, Decision.REFUND),
        (market.buyer, Decision.RESUME),
    ):
        with pytest.raises(NotOpenToYou):
            deciding.choose(trader.opened, ESCROW_ID, decision)


def test_nobody_accepts_twice(market: Market) -> None:
    market.agree()

    with pytest.raises(NotOpenToYou):
        deciding.accept(market.vendor.opened, ESCROW_ID, ADDRESSES[Role.VENDOR])


@pytest.mark.parametrize("escrow", ["", "5e", "77" * 16, "not an id"])
def test_an_unknown_escrow_is_said_to_be_unknown(market: Market, escrow: str) -> None:
    offered(market)

    with pytest.raises(EscrowUnknownHere):
        deciding.accept(market.vendor.opened, escrow, ADDRESSES[Role.VENDOR])


def test_a_journal_that_somebody_edited_is_not_shown(market: Market) -> None:
    market.agree()
    market.buyer.opened.journal.write("UPDATE messages SET text = text || 'A' WHERE position = 2")

    with pytest.raises(SignatureInvalid):
        deciding.choose(market.buyer.opened, ESCROW_ID, Decision.CANCEL)


def test_unattended_consent_wants_every_strangers_fingerprint() -> None:
    with pytest.raises(ContactUnverified):
        check_expectations(ROWS, ("BBBB",), unattended=True)

    compared = check_expectations(ROWS, ("bbbb ", "CCCC"), unattended=True)
    assert compared == {Role.VENDOR, Role.ARBITER}


def test_known_contacts_need_no_fingerprint() -> None:
    known = tuple(replace(one, known="seen before") for one in ROWS)

    assert check_expectations(known, (), unattended=True) == frozenset()


@pytest.mark.parametrize("unattended", [True, False])
def test_an_expected_fingerprint_that_nobody_has_stops_everything(unattended: bool) -> None:
    with pytest.raises(FingerprintUnexpected):
        check_expectations(ROWS, ("BBBB", "CCCC", "DDDD"), unattended=unattended)


def test_words_of_others_cannot_redraw_the_terminal() -> None:
    assert printable("a bicycle\x1b[2J\r\nor two") == "a bicycle�[2J��or two"


def test_one_piconero_is_shown_exactly() -> None:
    assert endings(terms(amount=ATOMIC + 1))[0].vendor == "1.000000000001"
