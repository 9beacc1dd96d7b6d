"""Terms that contradict themselves are refused before anybody signs them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.protocol.trade import ADDRESSES, OTHER_ADDRESS, terms
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Refused
from tripartite.domain.money import ATOMIC, MAX_SUPPLY
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import SUBJECT_LIMIT, Deadlines, Details, TermsUnsound, check_details

PAYER_BEARS = FeeRule(NetworkFeeBearer.PAYER, 0, 0)
PLATFORM_FEE = FeeRule(NetworkFeeBearer.PAYEE, 0, 50)


@pytest.mark.parametrize(
    "changes",
    [
        {"escrow_id": "5E" * 16},
        {"escrow_id": "short"},
        {"amount": 0},
        {"amount": -1},
        {"amount": MAX_SUPPLY + 1},
        {"amount": MAX_SUPPLY, "fee_allowance": 1, "fees": PAYER_BEARS},
        {"fee_allowance": -1, "fees": PAYER_BEARS},
        {"fee_allowance": 1},
        {"proposer": Role.ARBITER},
        {"fees": PLATFORM_FEE},
        {"platform_address": OTHER_ADDRESS},
    ],
)
def test_unsound_terms_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TermsUnsound):
        terms(**changes)


def test_a_platform_address_must_belong_to_the_network() -> None:
    with pytest.raises(Refused) as refused:
        terms(fees=PLATFORM_FEE, platform_address=OTHER_ADDRESS, network=Network.STAGENET)
    assert refused.value.code == "address_wrong_network"


def test_the_amount_due_includes_the_allowance_for_the_fee() -> None:
    assert terms(fees=PAYER_BEARS, fee_allowance=7).amount_due == ATOMIC + 7
    assert terms().amount_due == ATOMIC
    assert terms().required_confirmations == 10


@pytest.mark.parametrize("span", [timedelta(0), timedelta(seconds=59), timedelta(days=366)])
def test_deadlines_lie_between_a_minute_and_a_year(span: timedelta) -> None:
    with pytest.raises(TermsUnsound):
        Deadlines(deposit=span)


def details(**subjects: str | None) -> dict[Role, Details]:
    """Everybody's sealed part; the buyer proposed."""
    return {
        role: Details(
            role,
            parse_address(ADDRESSES[role], Network.REGTEST),
            subjects.get(role.value, "a bicycle" if role is Role.BUYER else None),
            salt="00" * 16,
        )
        for role in Role
    }


def test_three_different_addresses_and_one_subject_are_sound() -> None:
    check_details(terms(), details())


def test_two_parties_with_one_address_are_refused() -> None:
    parts = details()
    parts[Role.ARBITER] = Details(Role.ARBITER, parts[Role.BUYER].address, None, "00" * 16)
    with pytest.raises(TermsUnsound):
        check_details(terms(), parts)


def test_a_party_with_the_platforms_address_is_refused() -> None:
    with pytest.raises(TermsUnsound):
        check_details(terms(fees=PLATFORM_FEE, platform_address=ADDRESSES[Role.VENDOR]), details())


@pytest.mark.parametrize("subjects", [{"vendor": "a car"}, {"buyer": None}])
def test_only_the_proposer_says_what_is_traded(subjects: dict[str, str | None]) -> None:
    with pytest.raises(TermsUnsound):
        check_details(terms(), details(**subjects))


@pytest.mark.parametrize("subject", ["", "x" * (SUBJECT_LIMIT + 1)])
def test_a_subject_fits_a_screen(subject: str) -> None:
    with pytest.raises(TermsUnsound):
        details(buyer=subject)
