"""Who sees which page: every address of the pages, for everybody.

An address without a line in ``MATRIX`` fails the first test: access is decided, never forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.contract.kit import Market
from tripartite.coordinator.accounts.models import Account
from tripartite.domain.parties import Role

WHO = (
    "nobody",
    "buyer",
    "vendor",
    "stranger",
    "arbiter elsewhere",
    "admin without factor",
    "admin",
)
PASSWORD = "a horse, a battery"


@dataclass(frozen=True)
class Asked:
    """One request, and a status for each of WHO."""

    method: str
    path: str
    expected: tuple[int, ...]
    data: Mapping[str, str] | None = None


# 302 for nobody leads to the login; for an admin without a second factor, to its set-up.
OPEN = (200, 200, 200, 200, 200, 302, 200)
ANYBODY = (200,) * 7
GUESTS = (200, 302, 302, 302, 302, 302, 302)
MEMBERS = (302, 200, 200, 200, 200, 302, 200)
DOING = (302, 302, 302, 302, 302, 302, 302)
PARTIES = (302, 200, 200, 404, 404, 302, 404)
FACTORS = (302, 200, 200, 200, 200, 200, 200)
# Signed in long ago, or by a test: the password is asked for once more.
SURE = (302, 302, 302, 302, 302, 302, 302)
WITH_FACTOR = (302, 302, 302, 302, 200, 302, 200)
NO_CODES = (302, 404, 404, 404, 404, 404, 404)
ADMINS = (302, 404, 404, 404, 404, 302, 200)

MATRIX: Mapping[str, Asked] = {
    "home": Asked("get", "/", (200, 302, 302, 302, 302, 302, 302)),
    "set_language": Asked("post", "/language", (302,) * 7, {"language": "de"}),
    "static": Asked("get", "/static/style.css", ANYBODY),
    "account_signup": Asked("get", "/signup", GUESTS),
    "account_login": Asked("get", "/login", GUESTS),
    "account_logout": Asked("post", "/logout", (302,) * 7),
    "account_inactive": Asked("get", "/inactive", OPEN),
    "account_reauthenticate": Asked("get", "/reauthenticate", (302, 200, 200, 200, 200, 200, 200)),
    "account_change_password": Asked("get", "/account/password", MEMBERS),
    "mfa_index": Asked("get", "/second-factor/", FACTORS),
    "mfa_authenticate": Asked("get", "/second-factor/authenticate/", (302,) * 7),
    "mfa_reauthenticate": Asked("get", "/second-factor/reauthenticate/", WITH_FACTOR),
    "mfa_activate_totp": Asked("get", "/second-factor/totp/activate/", SURE),
    "mfa_deactivate_totp": Asked(
        "get", "/second-factor/totp/deactivate/", (302, 404, 404, 404, 302, 404, 302)
    ),
    "mfa_view_recovery_codes": Asked("get", "/second-factor/recovery-codes/", NO_CODES),
    "mfa_generate_recovery_codes": Asked("get", "/second-factor/recovery-codes/generate/", SURE),
    "mfa_download_recovery_codes": Asked(
        "get", "/second-factor/recovery-codes/download/", NO_CODES
    ),
    "mfa_list_webauthn": Asked("get", "/second-factor/webauthn/", FACTORS),
    "mfa_add_webauthn": Asked("get", "/second-factor/webauthn/add/", SURE),
    "mfa_reauthenticate_webauthn": Asked(
        "get", "/second-factor/webauthn/reauthenticate/", (302,) * 7
    ),
    "mfa_remove_webauthn": Asked("get", "/second-factor/webauthn/keys/1/remove/", SURE),
    "mfa_edit_webauthn": Asked("get", "/second-factor/webauthn/keys/1/edit/", SURE),
    "mfa_login_webauthn": Asked("get", "/second-factor/webauthn/login/", (302,) * 7),
    "account": Asked("get", "/account", MEMBERS),
    "end_sessions": Asked("post", "/account/sessions", DOING, {"session": "others"}),
    "tokens": Asked("get", "/account/tokens", SURE),
    "revoke_token": Asked(
        "post", "/account/tokens/{token}/revoke", (302, 302, 404, 404, 404, 302, 404)
    ),
    "agent": Asked("get", "/account/agent", MEMBERS),
    "escrows": Asked("get", "/escrows", MEMBERS),
    "escrow": Asked("get", "/escrows/{escrow}", PARTIES),
    # Nobody's identity is attached here.
    "decide": Asked("get", "/escrows/{escrow}/decide/cancel", (302, 409, 409, 404, 404, 302, 404)),
    "attach_identity": Asked("post", "/account/agent/attach", DOING),
    "wallet_rpc": Asked("get", "/escrows/{escrow}/wallet-rpc", (302, 409, 409, 404, 404, 302, 404)),
    "propose_here": Asked("get", "/propose/here", (302, 409, 409, 409, 409, 302, 409)),
    "sealed": Asked("post", "/escrows/{escrow}/sealed", (302, 409, 409, 404, 404, 302, 404)),
    "sealed_file": Asked("get", "/escrows/{escrow}/sealed/00", (302, 404, 404, 404, 404, 302, 404)),
    "invitation": Asked("get", "/invitation/{escrow}", (302, 302, 200, 404, 404, 302, 404)),
    "propose": Asked("get", "/propose", MEMBERS),
    "disputes": Asked("get", "/disputes", (302, 404, 404, 404, 200, 302, 404)),
    "operation": Asked("get", "/operation", ADMINS),
    "switch_maintenance": Asked(
        "post", "/operation/maintenance", (302, 404, 404, 404, 404, 302, 302), {"on": "no"}
    ),
    "recovery": Asked("get", "/recovery", ADMINS),
    "recovery_act": Asked("post", "/recovery/{escrow}", (302, 404, 404, 404, 404, 302, 302)),
    "admin:index": Asked("get", "/admin/", (302, 302, 302, 302, 302, 302, 200)),
    "admin:login": Asked("get", "/admin/login/", (302, 403, 403, 403, 403, 302, 302)),
}


def names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for one in patterns:
        if isinstance(one, URLResolver):
            if one.namespace == "api-1.0.0" or str(one.pattern) == "api/":
                continue
            inner = f"{one.namespace}:" if one.namespace else namespace
            yield from names(one.url_patterns, inner)
        elif one.name:
            yield f"{namespace}{one.name}"


def test_every_page_has_its_line() -> None:
    """Django's admin has an address for each table; all of them are behind its one guard."""
    found = {name for name in names(get_resolver().url_patterns) if not name.startswith("admin:")}

    assert {name for name in MATRIX if not name.startswith("admin:")} == found


@pytest.fixture
def people(market: Market) -> Mapping[str, Account | None]:
    Account.objects.create_user("stranger")
    elsewhere = Account.objects.create_user("elsewhere", is_arbiter=True)
    Account.objects.create_superuser("unsafe")
    admin = Account.objects.create_superuser("operator")
    for one in (elsewhere, admin):
        Authenticator.objects.create(user=one, type=Authenticator.Type.TOTP, data={"secret": "x"})
    Account.objects.update(password=make_password(PASSWORD))
    found = {one.name: one for one in Account.objects.all()}
    members = ("buyer", "vendor", "stranger", "elsewhere", "unsafe", "operator")
    return dict(zip(WHO, (None, *(found[name] for name in members)), strict=True))


def test_each_page_answers_each_person_as_decided(
    market: Market, people: Mapping[str, Account | None]
) -> None:
    """In one go: making the people takes longer than all their requests."""
    deal = market.proposed_deal()
    buyer = people["buyer"]
    assert buyer is not None
    token = buyer.tokens.get()

    def answers(asked: Asked) -> tuple[int, ...]:
        found = []
        for who in WHO:
            path = asked.path.format(escrow=deal.escrow_id, token=token.pk)
            client = browser(people[who])
            send = client.get if asked.method == "get" else client.post
            found.append(send(path, asked.data or {}).status_code)
            buyer.tokens.update(revoked_at=None)
        return tuple(found)

    answered = {page: answers(asked) for page, asked in MATRIX.items()}

    assert {page: given for page, given in answered.items() if given != MATRIX[page].expected} == {}


def test_a_token_for_programs_opens_no_page(market: Market) -> None:
    token = market.people[Role.BUYER].token
    client = browser(None)

    answer = client.get("/escrows", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/escrows")


def test_a_session_opens_nothing_of_the_api(market: Market) -> None:
    client = browser(Account.objects.get(name="buyer"))

    assert client.get("/api/escrow").status_code == 401


def browser(account: Account | None) -> Client:
    """A browser, signed in as somebody or not."""
    client = Client(headers={"Accept": "text/html"}, SERVER_NAME="127.0.0.1")
    if account is not None:
        client.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client
