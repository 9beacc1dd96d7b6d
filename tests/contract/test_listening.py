"""Pages that listen for news: whom they are let in for, and what they are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.contract.kit import Market
from tests.contract.serving import Served, served
from tests.contract.test_page_access import browser
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.pages import listening
from tripartite.coordinator.pages.listening import SessionOver
from tripartite.domain.parties import Role

HOST = "127.0.0.1:8700"
ORIGIN = f"http://{HOST}"
PATIENCE = 30.0


def cookies(client: Client) -> str:
    return client.cookies.output(header="", sep=";").strip().partition(";")[0]


def who(client: Client, *, origin: str = ORIGIN, host: str = HOST) -> int:
    return listening.page(cookies(client), origin, host).who().account_id


def test_a_page_listens_for_whoever_is_signed_in(database: str) -> None:
    account = Account.objects.create_user("reader")
    client = browser(account)

    assert who(client) == account.pk
    client.logout()
    with pytest.raises(SessionOver):
        who(client)
    with pytest.raises(SessionOver):
        who(browser(None))


def test_a_page_of_somebody_else_may_not_listen(database: str) -> None:
    client = browser(Account.objects.create_user("reader"))

    for origin in ("", "null", "https://evil.example", "http://127.0.0.1:8701", "http://127.0.0.1"):
        for host in (HOST, ""):
            with pytest.raises(SessionOver):
                who(client, origin=origin, host=host)


def test_behind_a_proxy_the_public_origin_counts(database: str) -> None:
    account = Account.objects.create_user("reader")

    assert who(browser(account), origin=settings.COORDINATOR.public_origin, host="x") == account.pk


def test_listening_ends_with_a_changed_password_or_a_closed_account(database: str) -> None:
    account = Account.objects.create_user("reader", "a horse, a battery")
    client = browser(account)
    account.set_password("another horse")
    account.save()
    with pytest.raises(SessionOver):
        who(client)

    client = browser(account)
    assert who(client) == account.pk
    Account.objects.filter(pk=account.pk).update(is_active=False)
    with pytest.raises(SessionOver):
        who(client)


def test_an_arbiter_listens_once_the_second_factor_is_set_up(database: str) -> None:
    account = Account.objects.create_user("arbiter", is_arbiter=True)
    client = browser(account)
    with pytest.raises(SessionOver):
        who(client)

    Authenticator.objects.create(user=account, type=Authenticator.Type.TOTP, data={"secret": "x"})

    assert who(client) == account.pk


def listen(server: Served, client: Client, *, origin: str | None = None) -> ClientConnection:
    return connect(
        server.url.replace("http", "ws", 1) + listening.PATH,
        additional_headers={"Cookie": cookies(client)},
        origin=Origin(origin or server.url),
        open_timeout=PATIENCE,
    )


def test_a_page_is_told_which_of_its_readers_escrows_has_news_and_nothing_more(
    market: Market, database: str, tmp_path: Path
) -> None:
    buyer = browser(Account.objects.get(name=market.people[Role.BUYER].name))
    stranger = browser(Account.objects.create_user("stranger"))
    with served(
        tmp_path,
        "--only",
        "events",
        DATABASE_URL=database,
        MIGRATE="yes",
        SECRET_KEY_FILE=str(settings.COORDINATOR.secret_key_file),
    ) as server:
        for client, origin in ((browser(None), server.url), (buyer, "https://evil.example")):
            with pytest.raises(InvalidStatus) as refused:
                listen(server, client, origin=origin)
            assert refused.value.response.status_code == 401

        with listen(server, buyer) as page, listen(server, stranger) as other:
            deal = market.proposed_deal()
            told = json.loads(page.recv(timeout=PATIENCE))
            with pytest.raises(TimeoutError):
                other.recv(timeout=0)

    assert told == {"escrow_id": deal.escrow_id}
