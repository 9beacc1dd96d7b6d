"""What the coordinator does with words that no honest agent says: it refuses each by name."""

from __future__ import annotations

import pytest

from tests.functional.kit.market import Market
from tests.functional.kit.pen import Pen, post, propose_by_hand
from tripartite.devnet.deals import Deal
from tripartite.domain.deposits import Report
from tripartite.domain.key_exchange import Round
from tripartite.domain.money import MAX_SUPPLY
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import write_report
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, Kind
from tripartite.protocol.identity import Identity

REPORT = write_report(Report(confirmed=0, pending=0, locked=0, height=1))


def test_bad_messages_are_refused_by_name_and_leave_no_trace_but_the_refusal(
    market: Market,
) -> None:
    deal = market.keyed_deal()
    pen = Pen(deal, Role.VENDOR, market.identity(Role.VENDOR))
    stranger = Identity.generate()
    again = {"attempt": 1, "round_": Round.MAKE}
    before = _stored(deal)

    for code, status, text in (
        ("envelope_malformed", 422, "certainly no envelope"),
        ("signature_invalid", 409, pen.write(Kind.DEPOSIT_REPORT, REPORT)[:-20]),
        ("body_too_large", 413, "A" * (2 * MAX_ENVELOPE_BYTES)),
        ("message_replayed", 422, pen.write(Kind.DEPOSIT_REPORT, REPORT, seq=1)),
        ("out_of_round", 422, pen.write(Kind.DEPOSIT_REPORT, REPORT, attempt=1)),
        ("signature_invalid", 409, pen.write(Kind.DEPOSIT_REPORT, REPORT, signer=stranger)),
        ("signature_invalid", 409, pen.write(Kind.RELEASE, {}, role=Role.BUYER)),
        ("message_substituted", 409, pen.write(Kind.KEY_EXCHANGE, {}, **again)),
        ("chain_broken", 409, pen.write(Kind.DEPOSIT_REPORT, REPORT, prev="ab" * 32)),
        ("wrong_contract", 422, pen.write(Kind.DEPOSIT_REPORT, REPORT, contract_id="ab" * 32)),
        ("wrong_escrow", 422, pen.write(Kind.DEPOSIT_REPORT, REPORT, escrow_id="ab" * 16)),
        ("body_malformed", 422, pen.write(Kind.DEPOSIT_REPORT, {"confirmed": "1.5"})),
        ("move_not_open", 409, pen.write(Kind.PAYOUT_RESTART, {"reason": "no_reason"})),
    ):
        answer = post(deal, Role.VENDOR, text)
        assert (answer.code, answer.status) == (code, status), text[:80]

    answer = post(deal, Role.BUYER, pen.write(Kind.DEPOSIT_REPORT, REPORT))
    assert answer.code == "role_not_yours", "the vendor's own words, brought by the buyer"
    assert _stored(deal) == before

    deal.fund()


def test_the_refusals_are_in_the_log_of_whoever_sent_them(market: Market) -> None:
    deal = market.proposed_deal()
    pen = Pen(deal, Role.BUYER, market.identity(Role.BUYER))

    post(deal, Role.BUYER, pen.write(Kind.CANCEL, {"reason": "no_reason"}, seq=1))

    assert _refusals(deal, Role.BUYER) == ["message_replayed"]
    assert _refusals(deal, Role.VENDOR) == []


def test_a_message_sent_twice_is_stored_once(market: Market) -> None:
    deal = market.proposed_deal()
    (proposal,) = _stored(deal)

    assert post(deal, Role.BUYER, proposal).status == 200
    assert _stored(deal) == [proposal]


def test_a_stranger_does_not_learn_that_an_escrow_exists(market: Market) -> None:
    deal = market.proposed_deal()
    with market.stranger() as api:
        for path in ("", "/messages"):
            answer = api.ask("GET", f"/api/escrow/{deal.escrow_id}{path}")
            assert (answer.status, answer.code) == (404, "escrow_unknown")
        answer = api.ask("POST", f"/api/escrow/{deal.escrow_id}/messages", {"envelope": "whatever"})
        assert (answer.status, answer.code) == (404, "escrow_unknown")


STAGENET_ADDRESS = "53teqCAESLxeJ1REzGMAat1ZeHvuajvDiXqboEocPaDRRmqWoVPzy46GLo866qRFjbNhfkNckyhST3WEvBviDwpUDd7DSzB"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("amount_not_positive", {"amount": "0"}),
        ("amount_malformed", {"amount": "-1"}),
        ("amount_malformed", {"amount": "0.5"}),
        ("amount_above_supply", {"amount": str(MAX_SUPPLY + 1)}),
        ("network_not_served", {"network": "testnet"}),
        ("body_malformed", {"network": "moonnet"}),
        ("body_malformed", {"generous": True}),
    ],
)
def test_a_proposal_that_nobody_could_keep_is_refused_at_the_edge(
    market: Market, code: str, changes: dict[str, Json]
) -> None:
    answer = propose_by_hand(market, changes)

    assert (answer.status, answer.code) == (422, code)


def test_a_platform_of_another_network_is_refused_at_the_edge(market: Market) -> None:
    fees: dict[str, Json] = {
        "network_fee": "payee",
        "allowance": "0",
        "arbiter_bps": 100,
        "platform_bps": 100,
        "platform_address": STAGENET_ADDRESS,
    }
    answer = propose_by_hand(market, {"fees": fees})

    assert (answer.status, answer.code) == (422, "address_wrong_network")


def _stored(deal: Deal) -> list[str]:
    with deal.arbiter.party.api() as api:
        return api.messages(deal.escrow_id)


def _refusals(deal: Deal, role: Role) -> list[str]:
    with deal.seats[role].party.api() as api:
        events, _ = api.events()
    return [
        str(event["data"]["code"])  # type: ignore[index]  # JSON that the API promises
        for event in events
        if event["type"] == "MessageRefused" and event["escrow_id"] == deal.escrow_id
    ]
