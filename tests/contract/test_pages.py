"""What the pages promise about sessions, tokens, limits and headers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client

from tests.contract.clock import Clock
from tests.contract.kit import Api, Market
from tests.contract.test_page_access import browser
from tripartite.coordinator.accounts.models import Account, ApiToken
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.recovery.models import Incident
from tripartite.coordinator.storing import now
from tripartite.domain.deadlines import Stage
from tripartite.domain.parties import Role

PASSWORD = "a horse, a battery"


def sign_in(client: Client, name: str, password: str = PASSWORD) -> int:
    return client.post("/login", {"login": name, "password": password}).status_code


def test_somebody_signs_up_with_a_name_and_a_password(database: str) -> None:
    client = browser(None)

    answer = client.post(
        "/signup", {"username": "newcomer", "password1": PASSWORD, "password2": PASSWORD}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/escrows")
    assert "You take part in no escrow yet." in client.get("/escrows").text
    assert Account.objects.get(name="newcomer").password.startswith("argon2")


@pytest.mark.parametrize("name", ["Mallory!", "9lives", "a" * 33, "vendor"])
def test_a_name_that_cant_be_used_is_refused(market: Market, name: str) -> None:
    answer = browser(None).post(
        "/signup", {"username": name, "password1": PASSWORD, "password2": PASSWORD}
    )

    assert answer.status_code == 200
    assert "errorlist" in answer.text


def test_a_wrong_password_and_an_unknown_name_look_the_same(database: str) -> None:
    Account.objects.create_user("known", PASSWORD)
    pages = []
    for name in ("known", "strange"):
        answer = browser(None).post("/login", {"login": name, "password": "wrong, all wrong"})
        pages.append(re.sub(r'value="[^"]*"', "", answer.text))

    assert pages[0] == pages[1]


def test_guessing_a_password_ends_after_a_few_tries(database: str) -> None:
    """Also for names that don't exist; and the count is the database's, not this process's."""
    Account.objects.create_user("known", PASSWORD)
    for _ in range(8):
        sign_in(browser(None), "known", "wrong, all wrong")
        Api().post("/api/tokens", {"name": "strange", "password": "wrong", "label": "x"})

    page = browser(None).post("/login", {"login": "known", "password": PASSWORD})
    told = Api().post("/api/tokens", {"name": "strange", "password": PASSWORD, "label": "x"})

    assert "Too many" in page.text
    assert (told.status, told.body["code"]) == (429, "tries_exceeded")


def test_the_session_gets_a_new_id_when_somebody_signs_in(database: str) -> None:
    Account.objects.create_user("known", PASSWORD)
    client = browser(None)
    session = client.session
    session["language"] = "planted"
    session.save()
    planted = session.session_key
    assert planted is not None
    client.cookies["session"] = planted

    assert sign_in(client, "known") == 302

    assert client.cookies["session"].value != planted


def test_other_sessions_can_be_signed_out_and_no_address_is_kept(database: str) -> None:
    Account.objects.create_user("known", PASSWORD)
    here, there = browser(None), browser(None)
    sign_in(here, "known")
    sign_in(there, "known")
    assert set(UserSession.objects.values_list("ip", flat=True)) == {"0.0.0.0"}  # noqa: S104 — as stored

    here.post("/account/sessions", {"session": "others"})

    assert here.get("/account").status_code == 200
    assert there.get("/account")["Location"].startswith("/login")


def test_a_session_of_another_account_cant_be_ended(database: str) -> None:
    for name in ("known", "other"):
        Account.objects.create_user(name, PASSWORD)
    here, there = browser(None), browser(None)
    sign_in(here, "known")
    sign_in(there, "other")
    foreign = UserSession.objects.get(user__name="other")

    assert here.post("/account/sessions", {"session": foreign.pk}).status_code == 404
    assert there.get("/account").status_code == 200


def test_a_token_is_made_on_the_page_and_may_be_for_reading_only(market: Market) -> None:
    buyer = Account.objects.get(name="buyer")
    buyer.set_password(PASSWORD)
    buyer.save()
    client = browser(None)
    sign_in(client, "buyer")

    new = {"label": "a reader", "scope": "read"}
    asked_first = client.post("/account/tokens", new)
    assert asked_first["Location"].startswith("/reauthenticate")
    client.post("/reauthenticate", {"password": PASSWORD})
    shown = client.post("/account/tokens", new)
    token = re.findall(r"tri_[\w-]+", shown.text)[0]

    assert shown["Cache-Control"] == "no-store"
    assert Api(token).get("/api/escrow").status == 200
    refused = Api(token).post("/api/escrow", {"envelope": market.deal().propose()})
    assert (refused.status, refused.body["code"]) == (403, "token_reads_only")
    assert token not in client.get("/account").text

    client.post(f"/account/tokens/{ApiToken.objects.get(label='a reader').pk}/revoke")
    assert Api(token).get("/api/escrow").status == 401


@pytest.mark.parametrize("who", ["admin", "arbiter", "with an app"])
def test_a_password_alone_gets_no_token_where_a_second_factor_is_due(
    database: str, who: str
) -> None:
    account = Account.objects.create_user(
        "careful", PASSWORD, is_staff=who == "admin", is_arbiter=who == "arbiter"
    )
    if who == "with an app":
        Authenticator.objects.create(
            user=account, type=Authenticator.Type.TOTP, data={"secret": "x"}
        )

    told = Api().post("/api/tokens", {"name": "careful", "password": PASSWORD, "label": "x"})

    assert (told.status, told.body["code"]) == (403, "second_factor_needed")


def test_a_form_without_its_token_is_refused(market: Market) -> None:
    client = Client(
        headers={"Accept": "text/html"}, SERVER_NAME="127.0.0.1", enforce_csrf_checks=True
    )
    client.force_login(
        Account.objects.get(name="buyer"), "allauth.account.auth_backends.AuthenticationBackend"
    )

    answer = client.post("/account/sessions", {"session": "others"})

    assert answer.status_code == 403
    assert "That form is too old" in answer.text


def test_pages_carry_their_policies_and_no_inline_code(market: Market) -> None:
    deal = market.attested_deal()
    client = browser(Account.objects.get(name="buyer"))
    for path in ("/", "/escrows", f"/escrows/{deal.escrow_id}", "/account", "/propose"):
        answer = client.get(path, follow=True)

        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert not re.search(
            r"<script(?![^>]*\bsrc=)(?![^>]*json)|\bstyle=|\bon[a-z]+=", answer.text
        )
        assert not re.search(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1)', answer.text)


def test_the_deposit_address_is_shown_only_once_all_three_attested_it(market: Market) -> None:
    client = browser(Account.objects.get(name="buyer"))
    proposed, attested = market.proposed_deal(), market.attested_deal()

    before = client.get(f"/escrows/{proposed.escrow_id}").text
    after = client.get(f"/escrows/{attested.escrow_id}").text

    assert "monero:" not in before
    assert attested.record is not None
    assert f"monero:{attested.record.address}?tx_amount=1.5" in after
    assert "Compare this address with the one that your own agent shows" in after


def test_an_address_may_suggest_the_port_of_an_agent_and_decides_nothing(market: Market) -> None:
    client = browser(Account.objects.get(name="buyer"))

    page = client.get("/account/agent?port=41234").text

    assert 'value="41234"' in page
    assert "<details open>" in page
    assert "127.0.0.1:8710" in client.get("/account/agent").text
    client.post("/account/agent?port=41234", {"port": "41234"})
    assert "127.0.0.1:41234" in client.get("/account/agent").text


def test_it_is_a_persons_turn_only_when_a_person_has_something_to_do(market: Market) -> None:
    deal = market.proposed_deal()
    client = browser(Account.objects.get(name="vendor"))
    asked = client.get(f"/escrows/{deal.escrow_id}").text

    for role, kind, options in deal.until_attested()[:2]:
        market.say(deal, role, kind, **options())
    working = client.get(f"/escrows/{deal.escrow_id}").text

    assert ">Your turn<" in asked
    assert ">Your agent's turn<" in working


def test_a_script_that_has_the_page_hears_only_of_news(market: Market) -> None:
    deal = market.proposed_deal()
    client = browser(Account.objects.get(name="buyer"))
    page = client.get(f"/escrows/{deal.escrow_id}").text
    mark = re.findall(r"\?seen=([\w-]+)", page)[0]
    again = {"HX-Request": "true"}

    same = client.get(f"/escrows/{deal.escrow_id}?seen={mark}", headers=again)
    news = client.get(f"/escrows/{deal.escrow_id}?seen=0-0", headers=again)

    assert same.status_code == 204  # htmx would put the empty body of a 304 into the page
    assert news.text.startswith('<div id="escrow"')


def test_escrows_are_found_by_name_id_state_and_role(market: Market) -> None:
    first, _second = market.proposed_deal(), market.attested_deal()
    client = browser(Account.objects.get(name="vendor"))

    def found(query: str) -> int:
        return client.get(f"/escrows?{query}").text.count('<th scope="row">')

    assert found("") == 2
    assert found("q=buy") == 2
    assert found(f"q={first.escrow_id[:8]}") == 1
    assert found("state=awaiting_deposit") == 1
    assert found("state=open&role=vendor") == 2
    assert found("role=buyer") == 0
    assert found("q=nobody") == 0


def test_who_is_an_arbiter_sees_the_oldest_dispute_first(market: Market) -> None:
    deal = market.disputed_deal()
    account = Account.objects.get(name=market.people[Role.ARBITER].name)
    client = browser(account)

    page = client.get("/disputes").text

    assert deal.escrow_id[:12] in page
    assert "0 hours" in page


def test_the_settings_of_a_public_server_pass_djangos_own_checks() -> None:
    environment = {
        **os.environ,
        "TRIPARTITE_PUBLIC_ORIGIN": "https://escrow.example",
        "DJANGO_SETTINGS_MODULE": "tripartite.coordinator.settings",
    }

    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_an_admin_acts_on_a_case_and_it_stays_on_record(market: Market) -> None:
    deal = market.disputed_deal()
    at = now()
    Incident.objects.create(
        escrow_id=deal.escrow_id,
        state="disputed",
        began_at=at,
        stage=int(Stage.RECOVERY),
        raised_at=at,
    )
    admin = Account.objects.create_superuser("operator")
    Authenticator.objects.create(user=admin, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = browser(admin)
    assert deal.escrow_id in client.get("/recovery").text
    why = {"action": "contact_arbiter", "admin_notes": "nobody has said a word"}

    too_short = client.post(
        f"/recovery/{deal.escrow_id}", {**why, "admin_notes": "hm"}, follow=True
    )
    taken = client.post(f"/recovery/{deal.escrow_id}", why, follow=True)

    assert "Say why" in too_short.text
    assert "It is on record" in taken.text
    assert "nobody has said a word" in taken.text
    german = client.get("/recovery", headers={"Accept-Language": "de"}).text
    assert "im Streit" in german
    assert "Den Schiedsrichter rufen" in german
    assert "Datenbank" in client.get("/operation", headers={"Accept-Language": "de"}).text


def test_a_page_names_the_next_alarm_that_is_really_raised(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After seven hours the alarm of the sixth is past: the next one is that of the twelfth."""
    clock = Clock(monkeypatch)
    deal = market.broadcast_deal()
    since = Escrow.objects.get(pk=deal.escrow_id).changed_at

    clock.advance(hours=7)
    shown = browser(Account.objects.get(name="buyer")).get(f"/escrows/{deal.escrow_id}").text

    assert f"{since + timedelta(hours=12):%Y-%m-%d %H:%M} UTC" in shown
    assert f"{since + timedelta(hours=6):%Y-%m-%d %H:%M} UTC" not in shown
