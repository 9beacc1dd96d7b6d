"""Stories about the mailbox: what is let in, what is refused, and what both leave behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.contract.kit import AMOUNT, Api, Deal, Market, at_once, open_account, report
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.relay.models import Message
from tripartite.domain.money import MAX_SUPPLY
from tripartite.domain.parties import Network, Role
from tripartite.protocol.canonical import digest
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, Kind
from tripartite.protocol.identity import Identity


def events_of(api: Api) -> list[tuple[str, dict[str, Any]]]:
    return [(one["type"], one["data"]) for one in api.get("/api/events").body["events"]]


def test_a_deal_goes_from_proposal_to_broadcast(market: Market) -> None:
    deal = market.broadcast_deal()

    shown = market.people[Role.ARBITER].api.get(f"/api/escrow/{deal.escrow_id}").body
    assert shown["state"] == "releasing"
    assert shown["role"] == "arbiter"
    assert shown["amount"] == str(AMOUNT)
    assert shown["payout"] == {
        "txid": "ab" * 32,
        "confirmations": 0,
        "required": 10,
        "height": None,
        "elsewhere": False,
        "looked_at": None,
    }
    assert shown["deposit"]["vendor"]["confirmed"] == str(AMOUNT)
    assert shown["parties"]["buyer"]["account"] == "buyer"
    assert shown["waiting_on"] == []


def test_everybody_reads_the_same_words_in_the_same_order(market: Market) -> None:
    deal = market.attested_deal()

    mailboxes = [
        person.api.get(f"/api/escrow/{deal.escrow_id}/messages").body["messages"]
        for person in market.people.values()
    ]

    assert mailboxes[0] == mailboxes[1] == mailboxes[2]
    assert [one["position"] for one in mailboxes[0]] == list(range(1, 19))


def test_a_mailbox_is_read_page_by_page(market: Market) -> None:
    deal = market.attested_deal()
    api, path = market.people[Role.VENDOR].api, f"/api/escrow/{deal.escrow_id}/messages"

    first = api.get(f"{path}?limit=10").body
    second = api.get(f"{path}?limit=10&after={first['next']}").body

    assert len(first["messages"]) == 10
    assert [one["position"] for one in second["messages"]] == list(range(11, 19))
    assert second["next"] is None


def test_the_push_carries_the_message_and_the_change_of_state(market: Market) -> None:
    deal = market.proposed_deal()
    for role, kind, options in deal.until_attested()[:5]:
        market.say(deal, role, kind, **options())

    events = events_of(market.people[Role.ARBITER].api)

    relayed = [data for type_, data in events if type_ == "MessageRelayed"]
    stored = Message.objects.order_by("position").values_list("text", flat=True)
    assert [data["envelope"] for data in relayed] == list(stored)
    assert [data["position"] for data in relayed] == list(range(1, 7))
    assert (
        "EscrowStatusChanged",
        {"from": "created", "event": "terms_signed", "to": "accepted"},
    ) in events


Wrong = Callable[[Market, Deal], tuple[Role, str]]


def _malformed(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, "not a message"


def _oversized(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, "x" * (MAX_ENVELOPE_BYTES + 1)


def _signed_by_another(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, deal.write(Role.VENDOR, Kind.SIGN_TERMS, signer=Role.BUYER)


def _said_for_another(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.BUYER, deal.write(Role.VENDOR, Kind.SIGN_TERMS)


def _of_another_escrow(market: Market, deal: Deal) -> tuple[Role, str]:
    other = market.proposed_deal()
    return Role.VENDOR, other.write(Role.VENDOR, Kind.SIGN_TERMS)


def _with_a_used_number(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, deal.write(Role.VENDOR, Kind.SIGN_TERMS, seq=1)


def _out_of_round(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, deal.write(
        Role.VENDOR, Kind.KEY_EXCHANGE, **deal.sealed(Role.VENDOR, Kind.KEY_EXCHANGE, round_=1)
    )


def _shapeless(market: Market, deal: Deal) -> tuple[Role, str]:
    return Role.VENDOR, deal.write(Role.VENDOR, Kind.SIGN_TERMS, body={"more": 1})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (_malformed, "envelope_malformed"),
        (_oversized, "envelope_malformed"),
        (_signed_by_another, "signature_invalid"),
        (_said_for_another, "role_not_yours"),
        (_of_another_escrow, "wrong_escrow"),
        (_with_a_used_number, "message_replayed"),
        (_out_of_round, "move_not_open"),
        (_shapeless, "body_malformed"),
    ],
)
def test_a_refused_message_leaves_only_the_refusal(market: Market, wrong: Wrong, code: str) -> None:
    """… and the escrow goes on."""
    deal = market.proposed_deal()
    said = deal.until_attested()
    for role, kind, options in said[:2]:
        market.say(deal, role, kind, **options())
    speaker, text = wrong(market, deal)
    before = Escrow.objects.values().get(pk=deal.escrow_id)
    stored = Message.objects.count()

    answer = market.post(deal, speaker, text)

    assert answer.body["code"] == code, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert Escrow.objects.values().get(pk=deal.escrow_id) == before
    assert Message.objects.count() == stored
    last_type, last = events_of(market.people[speaker].api)[-1]
    assert (last_type, last["code"], last["digest"]) == (
        "MessageRefused",
        code,
        digest(text.encode()),
    )
    others = [person for role, person in market.people.items() if role is not speaker]
    assert all("MessageRefused" not in dict(events_of(person.api)) for person in others)
    for role, kind, options in said[2:5]:
        market.say(deal, role, kind, **options())


def test_an_admin_hears_of_refusals_but_reads_no_escrow(market: Market) -> None:
    admin = open_account("operator", paired=False, admin=True)
    deal = market.proposed_deal()
    market.post(deal, Role.VENDOR, "not a message")

    assert [type_ for type_, _ in events_of(admin.api)] == ["MessageRefused"]
    assert admin.api.get(f"/api/escrow/{deal.escrow_id}").status == 404


def test_a_body_past_the_limit_is_not_even_read(market: Market) -> None:
    deal = market.proposed_deal()

    answer = market.post(deal, Role.VENDOR, "x" * (MAX_ENVELOPE_BYTES + 5_000))

    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert answer.body["limit"] == MAX_ENVELOPE_BYTES + 4_096


def test_the_same_message_again_has_the_same_place(market: Market) -> None:
    """Also when others have spoken since: an agent resends after a lost answer."""
    deal = market.proposed_deal()
    said = deal.until_attested()
    first = deal.write(said[0][0], said[0][1], **said[0][2]())
    assert market.post(deal, Role.VENDOR, first).status == 201
    deal.fold(first)
    again = market.post(deal, Role.VENDOR, first)
    for role, kind, options in said[1:5]:
        market.say(deal, role, kind, **options())

    later = market.post(deal, Role.VENDOR, first)

    assert (again.status, again.body) == (200, {"position": 2, "state": "created"})
    assert (later.status, later.body) == (200, {"position": 2, "state": "accepted"})
    assert Message.objects.count() == 6


def test_two_different_words_in_one_place_and_the_first_one_stands(market: Market) -> None:
    deal = market.proposed_deal()
    for role, kind, options in deal.until_attested()[:5]:
        market.say(deal, role, kind, **options())
    first, second = (
        deal.write(
            Role.BUYER, Kind.KEY_EXCHANGE, **deal.sealed(Role.BUYER, Kind.KEY_EXCHANGE, round_=1)
        )
        for _ in range(2)
    )

    assert market.post(deal, Role.BUYER, first).status == 201
    answer = market.post(deal, Role.BUYER, second)

    assert (answer.status, answer.body["code"]) == (409, "message_substituted")


def test_when_two_messages_of_one_party_race_one_wins(market: Market) -> None:
    deal = market.attested_deal()
    texts = [
        deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=height))
        for height in range(6)
    ]

    answers = at_once([partial(market.post, deal, Role.BUYER, text) for text in texts])

    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422, 422]
    assert {answer.body["code"] for answer in answers if answer.status == 422} == {
        "message_replayed"
    }
    assert Message.objects.filter(escrow_id=deal.escrow_id).count() == 19


def test_when_different_parties_race_all_are_heard(market: Market) -> None:
    deal = market.proposed_deal()
    for role, kind, options in deal.until_attested()[:5]:
        market.say(deal, role, kind, **options())
    texts = {
        role: deal.write(role, Kind.KEY_EXCHANGE, **deal.sealed(role, Kind.KEY_EXCHANGE, round_=1))
        for role in Role
    }

    answers = at_once([partial(market.post, deal, role, texts[role]) for role in Role])

    assert [answer.status for answer in answers] == [201, 201, 201]
    assert sorted(answer.body["position"] for answer in answers) == [7, 8, 9]


def test_when_the_same_message_races_with_itself_it_is_stored_once(market: Market) -> None:
    deal = market.attested_deal()
    text = deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0))

    answers = at_once([lambda: market.post(deal, Role.BUYER, text)] * 5)

    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert {answer.body["position"] for answer in answers} == {19}


def test_a_proposal_can_be_sent_twice_but_not_replaced(market: Market) -> None:
    deal = market.deal()
    api = market.people[Role.BUYER].api
    text = deal.propose()
    first = api.post("/api/escrow", {"envelope": text})
    again = api.post("/api/escrow", {"envelope": text})
    other = api.post("/api/escrow", {"envelope": deal.propose()})

    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert (other.status, other.body["code"]) == (409, "escrow_exists")


def test_only_the_proposer_can_hand_in_its_proposal(market: Market) -> None:
    answer = market.people[Role.VENDOR].api.post(
        "/api/escrow", {"envelope": market.deal().propose()}
    )

    assert (answer.status, answer.body["code"]) == (403, "role_not_yours")


def test_a_party_that_never_paired_is_named(market: Market) -> None:
    identities = {role: one.identity for role, one in market.people.items()}
    deal = Deal({**identities, Role.ARBITER: Identity.generate()})

    answer = market.people[Role.BUYER].api.post("/api/escrow", {"envelope": deal.propose()})

    assert (answer.status, answer.body["code"]) == (422, "party_unknown")
    assert answer.body["role"] == "arbiter"


def test_an_escrow_on_another_network_is_refused(market: Market) -> None:
    identities = {role: one.identity for role, one in market.people.items()}
    deal = Deal(identities, network=Network.MAINNET)

    answer = market.people[Role.BUYER].api.post("/api/escrow", {"envelope": deal.propose()})

    assert answer.body["code"] == "network_not_served"


def test_an_amount_past_two_to_the_63_is_kept_to_the_piconero(market: Market) -> None:
    amount = MAX_SUPPLY - 1
    deal = market.proposed_deal(amount=amount)

    shown = market.people[Role.BUYER].api.get(f"/api/escrow/{deal.escrow_id}").body

    assert amount > 2**63
    assert shown["amount"] == str(amount)
    assert Escrow.objects.get(amount=amount).escrow_id == deal.escrow_id


def test_escrows_are_listed_newest_first_page_by_page(market: Market) -> None:
    deals = [market.proposed_deal() for _ in range(5)]
    api = market.people[Role.ARBITER].api

    first = api.get("/api/escrow?limit=3").body
    second = api.get(f"/api/escrow?limit=3&after={first['next']}").body

    shown = [one["escrow_id"] for one in first["escrows"] + second["escrows"]]
    assert shown == [deal.escrow_id for deal in reversed(deals)]
    assert second["next"] is None
    assert api.get("/api/escrow?state=funded").body["escrows"] == []
    assert len(api.get("/api/escrow?state=created").body["escrows"]) == 5


def test_a_message_under_a_key_is_answered_the_same_for_ever(market: Market) -> None:
    """And the key takes no other message."""
    deal = market.attested_deal()
    api, path = market.people[Role.BUYER].api, f"/api/escrow/{deal.escrow_id}/messages"
    first = {"envelope": deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0))}
    said = api.post(path, first, key="one")
    deal.fold(first["envelope"])
    market.say(deal, Role.BUYER, Kind.DEPOSIT_REPORT, body=report(AMOUNT))
    market.say(deal, Role.VENDOR, Kind.DEPOSIT_REPORT, body=report(AMOUNT))

    again = api.post(path, first, key="one")
    new = {"envelope": deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=200))}
    other = api.post(path, new, key="one")
    wrong = api.post(path, {"envelope": "wrong"}, key="one")

    assert (again.status, again.body) == (said.status, said.body) == (201, {**said.body})
    assert said.body == {"position": 19, "state": "awaiting_deposit"}
    assert [answer.body["code"] for answer in (other, wrong)] == ["idempotency_key_reused"] * 2
    assert Message.objects.count() == 21
