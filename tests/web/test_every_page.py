"""Every page there is, looked at: light, dark and narrow, in English and German, and by axe.

An address that is on neither list below fails the first test, and so does a template or a decision
of the agent's page that nobody looked at: a new page is looked at from its first day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from django.core.handlers.base import BaseHandler
from django.test import Client, override_settings
from django.urls import get_resolver
from jinja2 import Environment
from playwright.sync_api import Browser, Page, Response

from tests.contract.starting import start_in_process

start_in_process()

# ruff: noqa: E402 — models may only be imported after that
from tests.contract.test_page_access import names
from tests.contract.visitors import half_signed_in, visitor
from tests.unit.agent.market import Market, Trader
from tests.unit.agent.test_moves import Town
from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID
from tests.web.looking import look_everywhere
from tests.web.site import Browsers, Site, open_site
from tripartite.agent.decisions import Decision
from tripartite.agent.page import answers
from tripartite.agent.page.choices import TITLES
from tripartite.agent.page.doors import new_link
from tripartite.agent.page.reception import Reception
from tripartite.agent.page.server import serving
from tripartite.coordinator import urls
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.models import AttachedFreeze
from tripartite.domain.errors import Tampered
from tripartite.domain.parties import Role


@dataclass(frozen=True)
class Visit:
    """Who looks at which address; {places} are filled from ``Place``."""

    who: str | None
    path: str
    ours: bool = True
    """Whether the words are ours; Django's own admin has some that are only in English."""


PAGES: Mapping[str, Visit] = {
    "home": Visit(None, "/"),
    "account_signup": Visit(None, "/signup"),
    "account_login": Visit(None, "/login"),
    "account_inactive": Visit(None, "/inactive"),
    "account_reauthenticate": Visit("buyer", "/reauthenticate"),
    "account_change_password": Visit("buyer", "/account/password"),
    "mfa_index": Visit("careful", "/second-factor/"),
    "mfa_authenticate": Visit("half of careful", "/second-factor/authenticate/"),
    "mfa_reauthenticate": Visit("careful", "/second-factor/reauthenticate/"),
    "mfa_activate_totp": Visit("buyer", "/second-factor/totp/activate/"),
    "mfa_deactivate_totp": Visit("careful", "/second-factor/totp/deactivate/"),
    "mfa_view_recovery_codes": Visit("careful", "/second-factor/recovery-codes/"),
    "mfa_generate_recovery_codes": Visit("careful", "/second-factor/recovery-codes/generate/"),
    "mfa_list_webauthn": Visit("careful", "/second-factor/webauthn/"),
    "mfa_add_webauthn": Visit("careful", "/second-factor/webauthn/add/"),
    "mfa_reauthenticate_webauthn": Visit("careful", "/second-factor/webauthn/reauthenticate/"),
    "mfa_remove_webauthn": Visit("careful", "/second-factor/webauthn/keys/{passkey}/remove/"),
    "mfa_edit_webauthn": Visit("careful", "/second-factor/webauthn/keys/{passkey}/edit/"),
    "account": Visit("buyer", "/account"),
    "tokens": Visit("buyer", "/account/tokens"),
    "agent": Visit("buyer", "/account/agent"),
    "escrows": Visit("buyer", "/escrows"),
    "escrow": Visit("buyer", "/escrows/{paid.escrow_id}"),
    "invitation": Visit("vendor", "/invitation/{proposed.escrow_id}"),
    "propose": Visit("buyer", "/propose"),
    "decide": Visit("guest", "/escrows/{attached.escrow_id}/decide/accept"),
    "wallet_rpc": Visit("guest", "/escrows/{attached.escrow_id}/wallet-rpc"),
    "sealed": Visit("guest", "/escrows/{attached.escrow_id}/sealed"),
    "propose_here": Visit("guest", "/propose/here?role=buyer&amount=2&network_fee=payee"),
    "disputes": Visit("arbiter", "/disputes"),
    "operation": Visit("operator", "/operation"),
    "recovery": Visit("operator", "/recovery"),
    "admin:index": Visit("operator", "/admin/", ours=False),
    "admin:accounts_account_changelist": Visit("operator", "/admin/accounts/account/", ours=False),
    "admin:accounts_account_change": Visit(
        "operator", "/admin/accounts/account/{account}/change/", ours=False
    ),
}

STATES: Mapping[str, Visit] = {
    "nowhere": Visit(None, "/nowhere"),
    "account-careful": Visit("careful", "/account"),
    "agent-none": Visit("careful", "/account/agent"),
    "escrows-none": Visit("careful", "/escrows"),
    "escrows-searched": Visit("buyer", "/escrows?q=nobody"),
    "escrow-proposed": Visit("buyer", "/escrows/{proposed.escrow_id}"),
    "escrow-waiting": Visit("vendor", "/escrows/{waiting.escrow_id}"),
    "escrow-disputed": Visit("arbiter", "/escrows/{disputed.escrow_id}"),
    "agent-attached": Visit("guest", "/account/agent"),
    "escrow-attached": Visit("guest", "/escrows/{attached.escrow_id}"),
    "invitation-attached": Visit("guest", "/invitation/{attached.escrow_id}"),
    "decide-refused": Visit("guest", "/escrows/{attached.escrow_id}/decide/release"),
    "decide-at-home": Visit("buyer", "/escrows/{paid.escrow_id}/decide/release"),
    "escrow-attached-held": Visit("guest", "/escrows/{held.escrow_id}"),
    "escrow-attached-moved": Visit("guest", "/escrows/{moved.escrow_id}"),
    "escrow-attached-successor": Visit("guest", "/escrows/{successor.escrow_id}"),
    "decide-replace": Visit("guest", "/escrows/{held.escrow_id}/decide/replace"),
    "decide-move": Visit("guest", "/escrows/{moved.escrow_id}/decide/move"),
    "decide-question": Visit("guest", "/escrows/{attached.escrow_id}/decide/cancel"),
    "propose-wrong": Visit("buyer", "/propose?role=buyer&other=x&amount=-1"),
    "propose-right": Visit(
        "buyer",
        "/propose?role=buyer&other=vendor&arbiter=arbiter&amount=2&arbiter_fee=2&network_fee=payee",
    ),
    "disputes-none": Visit("elsewhere", "/disputes"),
    "second-factor-none": Visit("buyer", "/second-factor/"),
}
"""The same pages with something else on them."""

NO_PAGES: Mapping[str, str] = {
    "set_language": "takes a form",
    "account_logout": "takes a form",
    "end_sessions": "takes a form",
    "revoke_token": "takes a form",
    "switch_maintenance": "takes a form",
    "recovery_act": "takes a form",
    "attach_identity": "takes a form",
    "sealed_file": "a file of somebody else's",
    "static": "files",
    "mfa_download_recovery_codes": "a text file",
    "mfa_login_webauthn": "speaks with a script",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.fixture(scope="module")
def windows(chromium: Browser) -> Iterator[Browsers]:
    opened = Browsers(chromium)
    yield opened
    opened.close()


def test_every_address_is_a_page_that_is_looked_at_or_none() -> None:
    found = {name for name in names(get_resolver().url_patterns) if not name.startswith("admin:")}

    ours = {name for name in PAGES if not name.startswith("admin:")}
    assert ours | set(NO_PAGES) == found
    assert not ours & set(NO_PAGES)


@pytest.mark.parametrize("name", [*PAGES, *STATES])
def test_a_page_of_the_coordinator_is_well_made(site: Site, windows: Browsers, name: str) -> None:
    visit = PAGES.get(name) or STATES[name]
    path = visit.path.format_map(vars(site.place))
    windows.sit_down(site.origin, _client(visit.who))

    for language, page in windows.pages.items():
        page.goto(f"{site.origin}{path}")
        assert urlsplit(page.url).path == path.partition("?")[0]
        look_everywhere(page, f"page-{name.replace(':', '-')}", language, ours=visit.ours)


def _client(who: str | None) -> Client:
    if who == "half of careful":
        return half_signed_in("careful")
    return visitor(who, sure=who is not None and who != "nobody")


def test_a_new_token_is_shown_well(site: Site, windows: Browsers) -> None:
    windows.sit_down(site.origin, visitor("buyer", sure=True))
    for language, page in windows.pages.items():
        page.goto(f"{site.origin}/account/tokens")
        page.locator("#id_label").fill("X")
        _press(page, "main form button")
        assert "tri_" in page.inner_text("main")
        look_everywhere(page, "page-token-made", language)


def test_maintenance_is_announced_well(site: Site, windows: Browsers) -> None:
    windows.sit_down(site.origin, visitor("operator", sure=True))
    for language, page in windows.pages.items():
        page.goto(f"{site.origin}/operation")
        page.locator("#id_reason").fill("XMR")
        _press(page, "button[name=on]")
        look_everywhere(page, "page-operation-maintenance", language)
        _press(page, "button[name=on]")


@dataclass(frozen=True)
class No:
    """A page that says no, and how one gets there."""

    who: str | None
    path: str
    status: int
    fields: Mapping[str, str] | None = None
    """What is typed before a form is sent; without any, it is enough to go there."""
    is_old: bool = False
    """Whether the form was loaded with another session's token."""


TYPED_PASSWORD: Final = dict.fromkeys(("oldpassword", "password1", "password2"), "x")
NOES: Mapping[str, No] = {
    "400": No("buyer", "/escrows?" + "&".join("x" * 1_001), 400),
    "403": No("buyer", "/admin/login/", 403),
    "403-csrf": No(None, "/login", 403, {"login": "x", "password": "x"}, is_old=True),
    "429": No(None, "/login", 429, {"login": "x", "password": "x"}),
    "429-signed-in": No("buyer", "/account/password", 429, TYPED_PASSWORD),
    "500": No("buyer", "/account", 500),
    "500-nobody": No(None, "/", 500),
}


@pytest.mark.parametrize("name", NOES)
def test_a_page_that_says_no_is_well_made(
    site: Site, windows: Browsers, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    no = NOES[name]
    if no.status == 500:
        # Whatever a view does fails; what shows the page of that is no view.
        monkeypatch.setattr(BaseHandler, "check_response", lambda *_: 1 // 0)
    windows.sit_down(site.origin, visitor(no.who, sure=no.who is not None))
    with override_settings(ACCOUNT_RATE_LIMITS={"login": "0/m/ip", "change_password": "0/m/user"}):
        for language, page in windows.pages.items():
            answer = page.goto(f"{site.origin}{no.path}")
            if no.fields is not None:
                answer = _send(page, no.fields, is_old=no.is_old)
            assert answer is not None
            assert answer.status == no.status
            look_everywhere(page, f"page-no-{name}", language)


def _send(page: Page, fields: Mapping[str, str], *, is_old: bool) -> Response | None:
    for name, value in fields.items():
        page.locator(f"[name={name}]").fill(value)
    if is_old:
        page.evaluate("document.querySelector('main [name=csrfmiddlewaretoken]').value = 'old'")
    return _press(page, "main form button")


def _press(page: Page, button: str) -> Response | None:
    """Press the first such button and wait for the page that answers, which ``click`` doesn't."""
    with page.expect_navigation() as sent:
        page.locator(button).first.click()
    return sent.value


def test_every_status_that_pages_say_no_with_is_looked_at() -> None:
    ours = {name.removeprefix("handler") for name in vars(urls) if name.startswith("handler")}

    # 404 is among the states of the pages.
    assert ours | {"429"} <= {str(no.status) for no in NOES.values()} | {"404"}


def test_an_attached_agent_that_stopped_is_shown_well(site: Site, windows: Browsers) -> None:
    escrow_id = site.place.attached.escrow_id
    frozen = AttachedFreeze.objects.create(
        escrow_id=escrow_id, role=Role.VENDOR.value, code="signature_invalid", since=now()
    )
    windows.sit_down(site.origin, visitor("guest", sure=True))
    for name, path in (
        ("escrow", f"/escrows/{escrow_id}"),
        ("escrows", "/escrows"),
        ("agent", "/account/agent"),
    ):
        for language, page in windows.pages.items():
            page.goto(f"{site.origin}{path}")
            look_everywhere(page, f"page-{name}-stopped", language)
    frozen.delete()


# The agent's page


@dataclass
class Desk:
    """Somebody's agent page in both windows."""

    windows: Browsers
    origin: str
    trader: Trader

    def enter(self) -> None:
        for page in self.windows.pages.values():
            link = urlsplit(new_link(self.trader.opened.home.directory))
            page.goto(f"{self.origin}{link.path}?{link.query}")

    def look(self, name: str, go: Callable[[Page], object]) -> None:
        for language, page in self.windows.pages.items():
            go(page)
            look_everywhere(page, f"agent-{self.trader.role.value}-{name}", language)

    def see(self, name: str, path: str) -> None:
        self.look(name, lambda page: page.goto(f"{self.origin}{path}"))

    def ask(self, name: str, path: str, fields: Mapping[str, str]) -> None:
        """Fill in a form and see what comes of it."""

        def go(page: Page) -> None:
            page.goto(f"{self.origin}{path}")
            for field, value in fields.items():
                page.locator(f"[name={field}]").fill(value)
            _press(page, "main form .actions button")

        self.look(name, go)

    def say_yes(self, path: str, fields: Mapping[str, str]) -> None:
        """As ``ask``, in one window, and then confirm."""
        page = self.windows.pages["en"]
        page.goto(f"{self.origin}{path}")
        for field, value in fields.items():
            page.locator(f"[name={field}]").fill(value)
        if fields:
            _press(page, "main form .actions button")
        for box in page.get_by_role("checkbox").all():
            box.check()
        _press(page, "main form .actions button")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """Three agents with wallets of paper."""
    made = Market(tmp_path)
    yield made
    for trader in made.traders.values():
        trader.opened.journal.close()


@pytest.fixture
def desks(market: Market, windows: Browsers) -> Iterator[dict[Role, Desk]]:
    with ExitStack() as stack:
        found = {}
        for role, trader in market.traders.items():
            home = trader.opened.home.directory
            origin = stack.enter_context(
                serving(Reception(trader.opened, lambda: None), home, port=0)
            )
            found[role] = Desk(windows, origin, trader)
        yield found


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the templates that were shown."""
    found: set[str] = set()
    usual = Environment.get_template

    def get_template(self: Environment, name: str, *rest: object, **more: object) -> object:
        found.add(name)
        return usual(self, name, *rest, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Environment, "get_template", get_template)
    return found


ANOTHER_ARBITER: Final = {"replace_arbiter", "move"}
"""Pages that a test of their own visits: there has to be a second escrow."""


class Noticed(Tampered):
    """Something is wrong with the record."""

    code = "test_noticed"


def test_every_page_of_an_agent_is_well_made(
    market: Market,
    desks: dict[Role, Desk],
    rendered: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buyer, vendor, arbiter = (desks[role] for role in Role)
    own = f"/escrow/{ESCROW_ID}"
    address = {"address": ADDRESSES[Role.VENDOR]}
    seen: set[str] = set()

    buyer.see("closed", "/")
    for desk in desks.values():
        desk.enter()
    buyer.see("overview-none", "/")
    buyer.see("nothing", "/nothing")
    buyer.see("proposing", own)
    buyer.see("propose", "/propose")
    sale = {"other": "bob", "arbiter": "carol", "amount": "x", "subject": "Y"}
    buyer.ask("propose-wrong", "/propose", {**sale, **address})

    market.propose()
    market.buyer.work()
    for trader in market.traders.values():
        trader.hear()
        trader.desk.cases.name(ESCROW_ID, {role: f"X-{role.value}" for role in Role})
    vendor.see("overview-asked", "/")
    vendor.see("escrow-proposed", own)
    vendor.see("question-cancel", f"{own}/cancel")
    vendor.see("accept", f"{own}/accept")
    vendor.ask("question-accept", f"{own}/accept", address)
    vendor.ask("accept-wrong", f"{own}/accept", {"address": "x"})
    seen |= {"cancel", "accept"}

    for trader in (market.vendor, market.arbiter):
        trader.decide(Decision.ACCEPT)
    market.settle()
    buyer.see("escrow-deposit", own)
    for trader in market.traders.values():
        trader.wallets.deposit(market.record.agreement.terms.amount_due)
        trader.seconds += 1_000
    market.settle()
    buyer.see("overview-funded", "/")
    buyer.see("escrow-funded", own)
    buyer.see("question-release", f"{own}/release")
    vendor.see("question-refund", f"{own}/refund")
    buyer.see("error", f"{own}/refund")
    buyer.see("settle", f"{own}/settle")
    buyer.ask("question-settle", f"{own}/settle", {"vendor_share": "0.5"})
    buyer.ask("settle-wrong", f"{own}/settle", {"vendor_share": "7"})
    buyer.say_yes(f"{own}/settle", {"vendor_share": "0.5"})
    market.settle()
    vendor.see("escrow-offered", own)
    vendor.see("question-agree", f"{own}/agree")
    seen |= {"release", "refund", "settle", "agree"}

    buyer.see("dispute", f"{own}/dispute")
    buyer.ask("question-dispute", f"{own}/dispute", {"text": "Y"})
    buyer.say_yes(f"{own}/dispute", {"text": "Y"})
    market.settle()
    buyer.see("escrow-disputed", own)
    vendor.see("state", f"{own}/state")
    vendor.ask("question-state", f"{own}/state", {"text": "Z"})
    vendor.say_yes(f"{own}/state", {"text": "Z"})
    vendor.see("evidence", f"{own}/evidence")
    market.settle()
    arbiter.see("case", f"{own}/case")
    arbiter.see("rule", f"{own}/rule")
    arbiter.ask("question-rule", f"{own}/rule", {"vendor_percent": "60"})
    arbiter.say_yes(f"{own}/rule", {"vendor_percent": "60"})
    market.settle()
    vendor.see("case-ruled", f"{own}/case")
    vendor.see("question-carry-out", f"{own}/carry_out")
    seen |= {"dispute", "state", "evidence", "rule", "carry_out"}

    market.vendor.desk.cases.freeze(ESCROW_ID, Noticed("XMR"), position=None)
    vendor.see("overview-frozen", "/")
    vendor.see("escrow-frozen", own)
    vendor.see("question-resume", f"{own}/resume")
    vendor.say_yes(f"{own}/resume", {})
    market.settle()
    vendor.say_yes(f"{own}/carry_out", {})
    market.settle()
    vendor.see("escrow-paid", own)
    seen |= {"resume"}

    buyer.look("old-form", lambda page: _send_an_old_form(page, buyer.origin))
    monkeypatch.setattr(Reception, "answer", lambda *_: 1 // 0)
    buyer.see("failed", "/")

    there = {one.name for one in (Path(answers.__file__).parent / "templates").iterdir()}
    # Answers to scripts alone; the story of the dispute sees them.
    assert there - rendered <= {"endings.html"}
    assert set(TITLES) - ANOTHER_ARBITER == seen


def test_the_pages_of_another_arbiter_are_well_made(tmp_path: Path, windows: Browsers) -> None:
    town = Town(tmp_path)
    buyer = town.buyer
    home = buyer.opened.home.directory
    with serving(Reception(buyer.opened, lambda: None), home, port=0) as origin:
        desk = Desk(windows, origin, buyer)
        desk.enter()
        old = f"/escrow/{ESCROW_ID}"
        desk.see("replace-arbiter", f"{old}/replace_arbiter")
        wrong = {"arbiter": "erin", "arbiter_fee": "x"}
        desk.ask("replace-arbiter-wrong", f"{old}/replace_arbiter", wrong)
        town.agree()
        desk.see("escrow-successor", f"/escrow/{town.new_id}")
        desk.see("escrow-to-be-moved", old)
        desk.see("question-move", f"{old}/move")
        town.move(town.vendor)
        desk.say_yes(f"{old}/move", {})
        town.settle()
        desk.see("escrow-moving", old)


def _send_an_old_form(page: Page, origin: str) -> None:
    page.goto(f"{origin}/propose")
    page.evaluate("document.querySelector('main [name=csrf]').value = 'old'")
    for field in ("other", "arbiter", "amount", "subject", "address"):
        page.locator(f"[name={field}]").fill("x")
    _press(page, "main form .actions button")
