"""What a party with an attached wallet clicks: asked once more, kept sealed, said once, gone."""

from __future__ import annotations

import base64
import html
import re
import secrets
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from tests.contract.clock import Clock
from tests.contract.kit import Answer, Api, Deal, Market, at_once, new_address, report
from tests.contract.test_page_access import browser
from tripartite.agent.arguing import parts_of
from tripartite.agent.decisions import DONE, Decision, Decisions
from tripartite.agent.home import OpenHome, create_home
from tripartite.agent.intake import Cases
from tripartite.agent.own_words import RESTORED_AT
from tripartite.agent.ports import Forwarded
from tripartite.attach import presence
from tripartite.attach.clicks import answer_clicks, take_clicks
from tripartite.attach.mailbox import Mailbox
from tripartite.attach.readings import open_for_reader
from tripartite.coordinator.accounts.models import Account, Scope
from tripartite.coordinator.accounts.tokens import issue_token
from tripartite.coordinator.ops.metrics import facts
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.deciding import MOST_WAITING, read_content
from tripartite.coordinator.wallets.models import (
    AttachedDecision,
    AttachedIdentity,
    AttachedReading,
    WalletRegistration,
)
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.queue import Lease
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network, Role
from tripartite.protocol.envelope import Kind, place
from tripartite.protocol.sealing import seal

WORDS = "It came without its saddle."


@pytest.fixture
def hall(market: Market) -> Market:
    """The market, its three identities held by the operator."""
    with write_transaction():
        for person in market.people.values():
            AttachedIdentity.objects.create(account_id=person.account_id, asked_at=now())
    return market


def funded(hall: Market) -> Deal:
    deal = hall.attested_deal()
    for role in (Role.BUYER, Role.VENDOR):
        hall.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
    return deal


def decide(
    hall: Market, deal: Deal, role: Role, *, key: str | None = None, **words: object
) -> Answer:
    path = f"/api/escrow/{deal.escrow_id}/decisions"
    return hall.people[role].api.post(path, words, key=key)


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, str(answer.body.get("code"))


def page_of(hall: Market, role: Role) -> Client:
    return browser(Account.objects.get(name=hall.people[role].name))


def at(deal: Deal, verb: str) -> str:
    return f"/escrows/{deal.escrow_id}/decide/{verb}"


def typed(page: str) -> dict[str, str]:
    """What a page's form would send: hidden fields, and a text that is shown once more."""
    found = {
        name: html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
    found |= {
        name: html.unescape(value)
        for name, value in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>([^<]*)<', page)
    }
    return found


# The API


def test_each_refusal_has_its_own_code_and_status(hall: Market) -> None:
    deal = funded(hall)
    proposed = hall.proposed_deal()

    assert code(decide(hall, deal, Role.VENDOR, decision="release")) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.BUYER, decision="propose")) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.BUYER, decision="accept")) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.ARBITER, decision="rule")) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.BUYER, decision="state")) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.BUYER, decision="settle")) == (422, "words_missing")
    too_much = {"decision": "settle", "vendor_share": str(deal.amount + 1)}
    assert code(decide(hall, deal, Role.BUYER, **too_much)) == (422, "share_out_of_range")
    assert code(decide(hall, proposed, Role.VENDOR, decision="accept")) == (422, "words_missing")
    nowhere = {"decision": "accept", "payout_address": "4nowhere"}
    assert code(decide(hall, proposed, Role.VENDOR, **nowhere))[0] == 422
    assert code(decide(hall, deal, Role.BUYER, decision="dispute")) == (422, "words_missing")
    assert not AttachedDecision.objects.exists()


def test_a_token_that_only_reads_decides_nothing(hall: Market) -> None:
    deal = funded(hall)
    account = Account.objects.get(name="buyer")
    with write_transaction():
        reader = Api(issue_token(account, "reader", Scope.READ).text)

    refused = reader.post(f"/api/escrow/{deal.escrow_id}/decisions", {"decision": "release"})

    assert code(refused) == (403, "token_reads_only")


def test_the_same_request_again_decides_once(hall: Market) -> None:
    deal = funded(hall)

    first = decide(hall, deal, Role.BUYER, key="k", decision="release")
    again = decide(hall, deal, Role.BUYER, key="k", decision="release")
    other = decide(hall, deal, Role.BUYER, key="other", decision="release")

    assert (first.status, again.status, again.body) == (202, 202, first.body)
    assert code(other) == (409, "decision_under_way")
    assert AttachedDecision.objects.count() == 1


def test_of_two_decisions_at_once_one_is_taken(hall: Market) -> None:
    for _ in range(5):
        deal = funded(hall)

        answers = at_once([partial(decide, hall, deal, Role.BUYER, decision="release")] * 2)

        assert sorted(one.status for one in answers) == [202, 409]


def test_nobody_agrees_to_another_split_than_the_one_shown(hall: Market) -> None:
    deal = funded(hall)
    offer = {"vendor_share": str(deal.amount // 2)}
    hall.say(deal, Role.VENDOR, Kind.SETTLEMENT_OFFER, body=offer)

    stale = decide(hall, deal, Role.BUYER, decision="agree", vendor_share=str(deal.amount))
    agreed = decide(hall, deal, Role.BUYER, decision="agree", **offer)

    assert code(stale) == (409, "offer_changed")
    assert agreed.status == 202


def test_what_waits_for_an_attach_process_is_bounded(hall: Market) -> None:
    deal = hall.disputed_deal()
    row = {"escrow_id": deal.escrow_id, "role": "buyer", "decision": "state", "content": b"x"}
    buyer = hall.people[Role.BUYER].account_id
    AttachedDecision.objects.bulk_create(
        AttachedDecision(id=secrets.token_hex(16), account_id=buyer, decided_at=now(), **row)
        for _ in range(MOST_WAITING)
    )

    assert code(decide(hall, deal, Role.BUYER, decision="state", text=WORDS)) == (
        409,
        "decisions_piled_up",
    )


# What the attach process does with it


@pytest.fixture
def lease(database: str) -> Lease:
    held = queue.seize("test:lease", at=now())
    assert held is not None
    return held


def agent_of(hall: Market, deal: Deal, role: Role, directory: Path) -> OpenHome:
    """A journal that has heard everything, as the one of an attach process has."""
    opened = create_home(
        directory / role.value,
        network=Network.REGTEST,
        key_file=directory / "key",
        identity=hall.people[role].identity,
    )
    # The messages so far were said by the kit: a restored home takes such for its own words.
    opened.journal.set_setting(RESTORED_AT, now().isoformat())
    hear(opened, deal)
    names = {role: person.name for role, person in hall.people.items()}
    opened.journal.save_names(deal.escrow_id, names)
    return opened


def hear(opened: OpenHome, deal: Deal) -> None:
    rows = Message.objects.filter(escrow_id=deal.escrow_id).order_by("position")
    Cases(opened.journal, opened.identity.public).caught_up(
        deal.escrow_id, [Forwarded(deal.escrow_id, row.position, row.text) for row in rows]
    )


def take(opened: OpenHome, hall: Market, deal: Deal, role: Role, lease: Lease) -> bool:
    account = Account.objects.get(name=hall.people[role].name)
    without = Limits(escrow_amount=None, total_volume=None, concurrent_escrows=None)
    mailbox = Mailbox(account, lease, network=Network.REGTEST, limits=without)
    return take_clicks(opened, deal.escrow_id, role, mailbox, lease)


def everything_stored() -> bytes:
    """All rows of all tables."""
    with connection.cursor() as sql:
        found = b""
        for table in connection.introspection.table_names():
            sql.execute(f"SELECT * FROM {table}")  # noqa: S608 — our own tables
            found += repr(
                [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in sql]
            ).encode()
    return found


def test_a_statement_is_never_readable_here_and_gone_once_it_is_taken(
    hall: Market, lease: Lease, tmp_path: Path
) -> None:
    deal = hall.disputed_deal()
    assert decide(hall, deal, Role.BUYER, key="k", decision="state", text=WORDS).status == 202
    row = AttachedDecision.objects.get()
    assert read_content(row) == {"text": WORDS}
    assert WORDS.encode() not in everything_stored()
    opened = agent_of(hall, deal, Role.BUYER, tmp_path)

    assert take(opened, hall, deal, Role.BUYER, lease)

    row.refresh_from_db()
    assert (bytes(row.content), row.outcome) == (b"", ""), "taken, not said yet"
    (intent,) = Decisions(opened.journal).intents(deal.escrow_id, Decision.STATE)
    assert intent.content["text"] == WORDS
    assert not take(opened, hall, deal, Role.BUYER, lease), "once"
    Decisions(opened.journal).settle(intent.id)
    answer_clicks(opened, deal.escrow_id, Role.BUYER, lease)
    assert AttachedDecision.objects.get().outcome == DONE


def test_a_file_travels_sealed_and_whole(hall: Market, lease: Lease, tmp_path: Path) -> None:
    deal, photo = hall.disputed_deal(), secrets.token_bytes(200_000)
    shown = {"file_name": "../saddle.jpg", "file_data": base64.b64encode(photo).decode()}
    assert decide(hall, deal, Role.BUYER, decision="evidence", **shown).status == 202
    huge = {"file_name": "x", "file_data": base64.b64encode(bytes(256 * 1024 + 3)).decode()}
    assert code(decide(hall, deal, Role.BUYER, decision="evidence", **huge))[0] in (413, 422)
    opened = agent_of(hall, deal, Role.BUYER, tmp_path)

    assert take(opened, hall, deal, Role.BUYER, lease)

    parts = Decisions(opened.journal).intents(deal.escrow_id, Decision.EVIDENCE)
    assert [(one.content["name"], one.content["part"]) for one in parts] == [
        ("saddle.jpg", 1),
        ("saddle.jpg", 2),
    ]
    assert b"".join(base64.b64decode(str(one.content["data"])) for one in parts) == photo
    assert bytes(AttachedDecision.objects.get().content) == b""


def test_a_decision_that_an_old_journal_has_forgotten_says_so(
    hall: Market, lease: Lease, tmp_path: Path
) -> None:
    """The directory of the attach process was put back from a backup made before the click."""
    deal = funded(hall)
    decide(hall, deal, Role.BUYER, decision="release")
    AttachedDecision.objects.update(content=b"")
    opened = agent_of(hall, deal, Role.BUYER, tmp_path)

    take(opened, hall, deal, Role.BUYER, lease)

    assert AttachedDecision.objects.get().outcome == "decision_forgotten"
    assert decide(hall, deal, Role.BUYER, decision="release").status == 202


def test_what_is_sealed_is_opened_for_its_reader_and_gone_after_ten_minutes(
    hall: Market, lease: Lease, tmp_path: Path, clock: Clock
) -> None:
    deal, client = hall.disputed_deal(), page_of(hall, Role.VENDOR)
    where = f"/escrows/{deal.escrow_id}/sealed"
    assert "Have your agent open it" in client.get(f"/escrows/{deal.escrow_id}").text
    assert "Your agent is asked to open it." in client.post(where, follow=True).text
    opened = agent_of(hall, deal, Role.VENDOR, tmp_path)
    photo = b"no saddle on it"
    (part,) = parts_of("saddle.jpg", photo)
    place_ = place(deal.escrow_id, attempt=0, round_=0, role=Role.BUYER, kind=Kind.EVIDENCE)
    readers = [hall.people[role].identity.public for role in Role.BUYER.others()]
    body = {"sealed": seal(part.to_json(), readers=readers, place=place_)}
    hall.say(deal, Role.BUYER, Kind.EVIDENCE, body=body)
    hear(opened, deal)
    case = Cases(opened.journal, opened.identity.public).get(deal.escrow_id)
    assert case is not None

    open_for_reader(opened, case, lease)

    assert b"a bicycle" not in everything_stored()
    page = client.get(where)
    assert "a bicycle" in page.text
    assert page["Cache-Control"] == "no-store"
    file = client.get(f"{where}/{part.sha256}")
    assert (file.content, file["Content-Type"]) == (photo, "application/octet-stream")
    assert file["Content-Disposition"] == 'attachment; filename="saddle.jpg"'
    told = hall.people[Role.VENDOR].api.get(f"/api/escrow/{deal.escrow_id}/sealed").body
    assert (told["ready"], told["subject"]) == (True, "a bicycle")
    assert page_of(hall, Role.BUYER).get(f"{where}/{part.sha256}").status_code == 404

    clock.advance(hours=0.2)
    assert "a bicycle" not in client.get(where).text
    presence.speak_up(patience=timedelta(minutes=3))(lease)
    assert not AttachedReading.objects.exists()


def test_attached_agents_are_online_while_an_attach_process_is(hall: Market) -> None:
    deal = hall.proposed_deal()
    assert set(facts.agents_online().values()) == {0}
    handlers = {keys.PRESENCE: presence.speak_up(patience=timedelta(minutes=3))}
    presence.begin()

    Runner(handlers, pool=keys.ATTACH).step()

    assert set(facts.agents_online().values()) == {1}
    assert "agent online" in page_of(hall, Role.BUYER).get(f"/escrows/{deal.escrow_id}").text


# The pages


def test_a_release_says_who_gets_how_much_and_asks_once_more(hall: Market) -> None:
    deal, client = funded(hall), page_of(hall, Role.BUYER)
    escrow = client.get(f"/escrows/{deal.escrow_id}").text
    assert f'href="{at(deal, "release")}"' in escrow
    assert "Approve on your agent" not in escrow

    question = client.get(at(deal, "release"))

    assert "Release the money to the vendor? This can&#x27;t be taken back." in question.text
    assert re.search(r'data-label="vendor">1\.5<', question.text)
    assert question["Cache-Control"] == "no-store"
    unread = client.post(at(deal, "release"), typed(question.text))
    assert "I have read all of this." in unread.text
    assert not AttachedDecision.objects.exists(), "not without the tick"
    sure = {**typed(question.text), "read": "yes"}
    said = client.post(at(deal, "release"), sure, follow=True)
    assert "Your agent signs it now" in said.text
    assert "being said" in said.text
    assert client.post(at(deal, "release"), sure).status_code == 302, "a second click of the same"
    assert AttachedDecision.objects.get().decision == "release"


def test_a_yes_to_one_question_answers_no_other(hall: Market) -> None:
    deal, other = funded(hall), funded(hall)
    client = page_of(hall, Role.BUYER)
    sure = {**typed(client.get(at(deal, "release")).text), "read": "yes"}

    elsewhere = client.post(at(other, "release"), sure)
    assert "Release the money to the vendor?" in elsewhere.text
    client.post(at(deal, "cancel"), sure)
    assert not AttachedDecision.objects.exists()


def test_an_offer_that_was_replaced_is_not_agreed_to(hall: Market) -> None:
    deal, client = funded(hall), page_of(hall, Role.BUYER)
    half = {"vendor_share": str(deal.amount // 2)}
    hall.say(deal, Role.VENDOR, Kind.SETTLEMENT_OFFER, body=half)
    question = client.get(at(deal, "agree")).text
    assert "Agree that the vendor gets 0.75 of 1.5 XMR" in question
    more = {"vendor_share": str(deal.amount)}
    hall.say(deal, Role.VENDOR, Kind.SETTLEMENT_OFFER, body=more)

    refused = client.post(at(deal, "agree"), {**typed(question), "read": "yes"})

    assert refused.status_code == 409
    assert "isn&#x27;t what you agree to" in refused.text
    assert not AttachedDecision.objects.exists()


def test_terms_are_accepted_here_and_a_split_offered(hall: Market) -> None:
    proposed, client = hall.proposed_deal(), page_of(hall, Role.VENDOR)
    invitation = client.get(f"/invitation/{proposed.escrow_id}").text
    assert f'href="{at(proposed, "accept")}"' in invitation
    wrong = client.post(at(proposed, "accept"), {"payout_address": "4nowhere"})
    assert "That is no address on this network." in wrong.text
    question = client.post(at(proposed, "accept"), {"payout_address": new_address()}).text
    assert "Accept these terms as the vendor?" in question

    client.post(at(proposed, "accept"), {**typed(question), "read": "yes"})

    assert AttachedDecision.objects.get().decision == "accept"
    deal = funded(hall)
    too_much = client.post(at(deal, "settle"), {"vendor_share": "99"}).text
    assert "share_out_of_range" not in too_much
    assert "errorlist" in too_much
    question = client.post(at(deal, "settle"), {"vendor_share": "0.5"}).text
    assert "Offer 0.5 of 1.5 XMR to the vendor" in question
    client.post(at(deal, "settle"), {**typed(question), "read": "yes"})
    row = AttachedDecision.objects.get(escrow_id=deal.escrow_id)
    assert read_content(row) == {"vendor_share": "500000000000"}


def test_words_and_files_are_sent_in_a_dispute_and_a_ruling_is_made(hall: Market) -> None:
    deal, client = hall.disputed_deal(), page_of(hall, Role.ARBITER)
    question = client.post(at(deal, "state"), {"text": WORDS}).text
    assert WORDS in question
    assert WORDS.encode() not in everything_stored(), "it travels with the form"
    client.post(at(deal, "state"), {**typed(question), "read": "yes"})
    question = client.get(at(deal, "evidence")).text
    file = SimpleUploadedFile("saddle.txt", b"no saddle")
    client.post(at(deal, "evidence"), {**typed(question), "read": "yes", "file": file})
    question = client.post(at(deal, "rule"), {"vendor_percent": "25"}).text
    assert "25 % to the vendor, 75 % to the buyer" in question
    client.post(at(deal, "rule"), {**typed(question), "read": "yes"})

    stored = [(one.decision, read_content(one)) for one in AttachedDecision.objects.all()]

    assert sorted(stored) == [
        ("evidence", {"file_name": "saddle.txt", "file_data": "bm8gc2FkZGxl"}),
        ("rule", {"vendor_bps": "2500"}),
        ("state", {"text": WORDS}),
    ]
    large = SimpleUploadedFile("large", bytes(256 * 1024 + 1))
    refused = client.post(at(deal, "evidence"), {**typed(question), "read": "yes", "file": large})
    assert refused.status_code == 422


def test_an_escrow_is_proposed_here_once_and_its_words_are_sealed(hall: Market) -> None:
    client = page_of(hall, Role.BUYER)
    link = client.get(
        "/propose?role=buyer&other=vendor&arbiter=arbiter&amount=1.5&network_fee=shared"
    ).text
    here = html.unescape(re.findall(r'href="(/propose/here[^"]*)"', link)[0])
    assert 'value="1.5"' in client.get(here).text
    terms = {
        "role": "buyer",
        "other": "vendor",
        "arbiter": "arbiter",
        "amount": "1.5",
        "network_fee": "shared",
        "subject": "a bicycle",
        "payout_address": new_address(),
    }
    wrong = client.post("/propose/here", {**terms, "payout_address": "4nowhere"})
    assert (wrong.status_code, "no address on this network" in wrong.text) == (422, True)
    question = client.post("/propose/here", terms).text
    assert "Propose exactly this?" in question
    sure = {**terms, "sure": typed(question)["sure"], "read": "yes"}
    other = client.post("/propose/here", {**sure, "amount": "2"}).text
    assert "Propose exactly this?" in other, "other terms are another question"
    assert not AttachedDecision.objects.exists()

    said = client.post("/propose/here", sure, follow=True)
    client.post("/propose/here", sure)

    assert "Your proposal of" in said.text
    row = AttachedDecision.objects.get()
    assert read_content(row)["subject"] == "a bicycle"
    assert read_content(row)["network_fee"] == "shared"
    assert b"a bicycle" not in everything_stored()


def test_a_wallet_rpc_is_registered_by_a_click(hall: Market) -> None:
    deal, client = hall.proposed_deal(), page_of(hall, Role.VENDOR)
    where = f"/escrows/{deal.escrow_id}/wallet-rpc"
    assert f'href="{where}"' in client.get(f"/escrows/{deal.escrow_id}").text
    evil = {"rpc_url": "http://127.0.0.1.evil.example:18082"}
    assert "Nothing else is connected to" in client.post(where, evil).text

    login = {"rpc_user": "alice", "rpc_password": "s3cret-login"}
    asked = client.post(where, {"rpc_url": "http://127.0.0.1:18083", **login}, follow=True)

    assert "This page looks again by itself." in asked.text
    assert WalletRegistration.objects.get().role == "vendor"
    assert b"s3cret-login" not in everything_stored()
    WalletRegistration.objects.update(state="refused", code="wallet_rpc_too_old", detail="Update.")
    assert "(wallet_rpc_too_old)" in client.get(where).text


def test_somebody_lets_the_service_hold_their_key(database: str) -> None:
    account = Account.objects.create_user("newcomer")
    client = browser(account)
    assert "Or let this service run it for you" in client.get("/account/agent").text
    client.post("/account/agent/attach")
    assert not AttachedIdentity.objects.exists(), "not without the tick"

    client.post("/account/agent/attach", {"read": "yes"})

    assert AttachedIdentity.objects.get().account_id == account.pk
    assert "Its key is being made." in client.get("/account/agent").text


def test_who_has_an_agent_at_home_decides_nothing_here(market: Market) -> None:
    deal = funded(market)
    client = page_of(market, Role.BUYER)

    assert client.get(at(deal, "release")).status_code == 409
    assert client.post(at(deal, "release"), {"read": "yes"}).status_code == 409
    assert "Approve on your agent" in client.get(f"/escrows/{deal.escrow_id}").text


def test_the_question_is_asked_in_german(hall: Market) -> None:
    client = page_of(hall, Role.BUYER)
    page = client.get(at(funded(hall), "release"), headers={"Accept-Language": "de"}).text

    assert "Das Geld für den Verkäufer freigeben?" in page
    assert "Ich habe das alles gelesen." in page


def test_a_refusal_is_german_for_a_german_reader(hall: Market) -> None:
    client = page_of(hall, Role.BUYER)
    page = client.get(at(hall.proposed_deal(), "release"), headers={"Accept-Language": "de"})

    assert page.status_code == 409
    assert "Das ist im jetzigen Zustand der Treuhand nicht möglich" in page.text
    assert "Die Treuhand ist in diesem Zustand: vorgeschlagen. " in page.text
    assert "In dieser Rolle lässt sich das jetzt nicht entscheiden: Käufer." in page.text


def test_a_form_says_in_german_what_it_does_not_take(hall: Market) -> None:
    client = page_of(hall, Role.BUYER)
    page = client.post(
        f"/escrows/{hall.proposed_deal().escrow_id}/wallet-rpc",
        {"rpc_url": "http://127.0.0.1:80"},
        headers={"Accept-Language": "de"},
    ).text

    assert "Adresse eines Wallet-RPC, der angemeldet werden darf. Lassen Sie" in page


@pytest.fixture
def secret(hall: Market) -> str:
    """The buyer has an app for one-time codes."""
    account = Account.objects.get(name="buyer")
    account.set_password("a horse, a battery")
    account.save()
    made = str(generate_totp_secret())
    TOTP.activate(account, made)
    return made


def prove(client: Client, secret: str, where: str) -> str:
    """Give the code that the app shows; where that leads."""
    value = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return client.post(where, {"code": value})["Location"]


def test_a_second_factor_is_asked_for_again_before_a_decision(hall: Market, secret: str) -> None:
    deal, client = funded(hall), page_of(hall, Role.BUYER)
    client.post("/reauthenticate", {"password": "a horse, a battery"})
    asked = client.get(at(deal, "release"))["Location"]
    assert asked.startswith("/second-factor/reauthenticate/"), "a password is not enough"

    assert prove(client, secret, asked) == at(deal, "release")

    question = client.get(at(deal, "release")).text
    client.post(at(deal, "release"), {**typed(question), "read": "yes"})
    assert AttachedDecision.objects.get().decision == "release"


def test_what_was_typed_survives_a_second_factor_that_got_too_old(
    hall: Market, secret: str
) -> None:
    deal, client = hall.disputed_deal(), page_of(hall, Role.BUYER)
    prove(client, secret, client.get(at(deal, "state"))["Location"])
    question = client.post(at(deal, "state"), {"text": WORDS}).text
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] -= 301
    session.save()

    late = client.post(at(deal, "state"), {**typed(question), "read": "yes"})

    assert late.status_code == 403
    assert WORDS in late.text
    assert "Your second factor has to be given once more." in late.text
    assert not AttachedDecision.objects.exists()
