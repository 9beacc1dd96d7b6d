"""Stories about maintenance: nothing new begins, everything open goes on, and everybody is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from typer.testing import CliRunner, Result

from tests.contract.kit import Api, Market, Person, open_account
from tests.contract.test_limits import limited, propose
from tripartite.cli.main import build
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.events import audit
from tripartite.coordinator.limits.maintenance import present, switch
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role

PATH = "/api/admin/maintenance-mode"
WHY = "Back at one <o'clock>"
ENGLISH = "Maintenance: no new escrows for now."
GERMAN = "Wartung: vorerst keine neuen Treuhandgeschäfte."


@pytest.fixture
def operator(market: Market) -> Person:
    """An admin with a second factor."""
    person = open_account("operator", paired=False, admin=True)
    account = Account.objects.get(pk=person.account_id)
    Authenticator.objects.create(user=account, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return person


def on_record(api: Api) -> list[tuple[str, dict[str, Any]]]:
    """What this reader finds about maintenance in the event log."""
    return [
        (one["type"], one["data"])
        for one in api.get("/api/events").body["events"]
        if one["type"].startswith("Maintenance")
    ]


def run(*words: str) -> Result:
    return CliRunner().invoke(build(words), words)


def browser(person: Person | None, *, language: str = "en") -> Client:
    client = Client(
        headers={"Accept": "text/html", "Accept-Language": language}, SERVER_NAME="127.0.0.1"
    )
    if person is not None:
        client.force_login(
            Account.objects.get(pk=person.account_id),
            backend="allauth.account.auth_backends.AuthenticationBackend",
        )
    return client


def test_nothing_new_begins_and_everything_open_goes_on(market: Market, operator: Person) -> None:
    deal = market.proposed_deal()

    operator.api.post(PATH, {"enabled": True, "reason": "Critical issue detected"})
    kept_out = propose(market)
    for role, kind, options in deal.until_attested():
        market.say(deal, role, kind, **options())
    operator.api.post(PATH, {"enabled": False})
    let_in = propose(market)

    assert (kept_out.status, kept_out.body["code"]) == (503, "under_maintenance")
    assert kept_out.body["reason"] == "Critical issue detected"
    assert kept_out.headers["Retry-After"] == "300"
    shown = market.people[Role.VENDOR].api.get(f"/api/escrow/{deal.escrow_id}").body
    assert shown["state"] == "awaiting_deposit"
    assert let_in.status == 201


def test_it_is_on_record_who_switched_it_and_why(market: Market, operator: Person) -> None:
    """Reasons are public; who gave them is for admins."""
    for body in (
        {"enabled": True, "reason": "one"},
        {"enabled": True, "reason": "one"},
        {"enabled": True, "reason": " two "},
        {"enabled": False, "reason": "all is well"},
        {"enabled": False},
    ):
        assert operator.api.post(PATH, body).status == 200
    run("maintenance", "on", "--reason", "three")

    assert on_record(operator.api) == [
        ("MaintenanceBegun", {"by": "operator", "reason": "one"}),
        ("MaintenanceBegun", {"by": "operator", "reason": "two"}),
        ("MaintenanceEnded", {"by": "operator", "reason": "all is well"}),
        ("MaintenanceBegun", {"by": "", "reason": "three"}),
    ]
    assert on_record(market.people[Role.BUYER].api) == []
    audit.verify()


def test_admins_ask_how_it_stands_and_everybody_whether_it_is_on(
    market: Market, operator: Person
) -> None:
    before = operator.api.get(PATH).body
    answered = operator.api.post(PATH, {"enabled": True, "reason": WHY}, key="one").body
    again = operator.api.post(PATH, {"enabled": True, "reason": WHY}, key="one").body
    limits = market.people[Role.BUYER].api.get("/api/limits").body

    assert before == {"enabled": False, "reason": "", "switched_at": None, "switched_by": ""}
    assert (answered["enabled"], answered["reason"]) == (True, WHY)
    assert answered["switched_by"] == "operator"
    assert answered == again == operator.api.get(PATH).body
    assert (limits["maintenance"], limits["reason"]) == (True, WHY)


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "\x1b[31mred"])
def test_a_reason_that_no_page_could_show_is_refused(operator: Person, reason: str) -> None:
    answer = operator.api.post(PATH, {"enabled": True, "reason": reason})

    assert (answer.status, answer.body["code"]) == (422, "maintenance_reason_unsound")
    assert not present().on


def test_the_reason_stands_on_every_page_in_the_readers_language(
    market: Market, operator: Person
) -> None:
    buyer = market.people[Role.BUYER]
    pages = [
        (None, "/"),
        (None, "/login"),
        (None, "/nowhere"),
        (buyer, "/escrows"),
        (buyer, "/propose"),
        (buyer, "/second-factor/"),
        (operator, "/operation"),
        (operator, "/admin/"),
    ]
    quiet = [browser(who).get(path).text for who, path in pages]
    switch(on=True, reason=WHY, by="")
    english = [browser(who).get(path).text for who, path in pages]
    german = [browser(who, language="de").get(path).text for who, path in pages]

    assert [page for page in quiet if ENGLISH in page] == []
    assert [page for page in english if page.count(ENGLISH) != 1] == []
    assert [page for page in german if page.count(GERMAN) != 1] == []
    assert [page for page in english if "Back at one &lt;o&#x27;clock&gt;" not in page] == []


def test_an_admin_switches_it_on_the_page_of_operation(market: Market, operator: Person) -> None:
    client = browser(operator)

    refused = client.post("/operation/maintenance", {"on": "yes", "reason": " "}, follow=True)
    begun = client.post("/operation/maintenance", {"on": "yes", "reason": WHY}, follow=True)
    was_on = present()
    ended = client.post("/operation/maintenance", {"on": "no"}, follow=True)

    assert "Say why" in refused.text
    assert "It is on record" in begun.text
    assert "Take new escrows again" in begun.text
    assert (was_on.on, was_on.switched_by) == (True, "operator")
    assert "Begin maintenance" in ended.text
    assert not present().on


def test_a_proposal_being_prepared_says_why_it_would_not_be_taken(market: Market) -> None:
    client = browser(market.people[Role.BUYER])
    terms = {
        "role": "buyer",
        "other": "vendor",
        "arbiter": "arbiter",
        "amount": "6",
        "network_fee": "payee",
    }

    with limited(amount=5 * ATOMIC, volume=50 * ATOMIC, at_once=20):
        empty = client.get("/propose").text
        large = client.get("/propose", terms).text
        fits = client.get("/propose", {**terms, "amount": "5"}).text
    with limited(volume=5 * ATOMIC):
        beyond = client.get("/propose", terms).text
    switch(on=True, reason=WHY, by="")
    later = client.get("/propose", terms).text

    assert "50 of 50 XMR are left" in empty
    assert "20 of 20 are left" in empty
    assert "One escrow may hold 5 XMR here at most." in large
    assert "Go on with your agent" in fits
    assert "together may hold 5 XMR, of which 5 XMR are left." in beyond
    assert "No new escrows are taken during maintenance." in later
    assert "Go on with your agent" not in later


def test_on_the_server_it_is_switched_and_looked_at(market: Market) -> None:
    market.proposed_deal(amount=2 * ATOMIC)
    with limited(amount=5 * ATOMIC, volume=50 * ATOMIC, at_once=20):
        begun = run("maintenance", "on", "--reason", "A new release")
        shown = run("maintenance", "status")
        read = json.loads(run("maintenance", "status", "--json").stdout)
        ended = run("maintenance", "off")
    refused = run("maintenance", "on", "--reason", "\n")

    assert "no new escrows. A new release" in begun.stdout
    assert begun.stdout.splitlines()[0] == shown.stdout.splitlines()[0]
    assert shown.stdout.splitlines()[1:] == [
        "one escrow: 5 XMR at most",
        "all together: 48 of 50 XMR are left",
        "open at once: 19 of 20 are left",
    ]
    assert (read["maintenance"], read["reason"]) == (True, "A new release")
    assert read["total_volume_left_atomic"] == str(48 * ATOMIC)
    assert "maintenance is off since" in ended.stdout
    assert refused.exit_code == 1
    assert "Say why in one line" in refused.stderr
