"""Stories about what is stored in groups: all of a group or nothing, and no answer before.

Only SQLite has a clerk, so these don't run over both engines.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tests.contract.engines import Sqlite, use_database
from tests.contract.kit import Deal, Market, report
from tests.contract.test_limits import limited
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.events import audit, log
from tripartite.coordinator.grouping import Answer, Clerk, Environ
from tripartite.coordinator.relay.api import post_message
from tripartite.coordinator.relay.models import Message
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

PATIENCE = 30.0

After = Callable[[int], None]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Sqlite:
    """Its tables are made once: they take longer than all the stories."""
    return Sqlite(tmp_path_factory.mktemp("grouped"))


@pytest.fixture
def market(engine: Sqlite) -> Iterator[Market]:
    """A market on a SQLite of its own."""
    with engine.database() as url:
        use_database(url)
        yield Market()


class Watched:
    """Django, with something that happens after each request (numbered from 0) was handled."""

    def __init__(self, after: After = lambda _: None) -> None:
        self._django: BaseHandler = get_wsgi_application()
        self._after = after
        self._asked = 0

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = self._django.get_response(request)
        self._after(self._asked)
        self._asked += 1
        return response


def asked(market: Market, deal: Deal, role: Role, text: str, *, key: str = "") -> Environ:
    """A request that says ``text``."""
    body = json.dumps({"envelope": text}).encode()
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/api/escrow/{deal.escrow_id}/messages",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8700",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {market.people[role].token}",
        "HTTP_IDEMPOTENCY_KEY": key,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }


def answers(django: Watched, environs: list[Environ]) -> list[Answer]:
    """What the clerk answers to requests that all wait already."""

    async def ask() -> list[Answer]:
        clerk = Clerk(asyncio.get_running_loop(), django)
        waiting = [clerk.ask(environ) for environ in environs]
        thread = threading.Thread(target=clerk.run)
        thread.start()
        try:
            return await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        finally:
            clerk.stop()
            thread.join(PATIENCE)

    return asyncio.run(ask())


def reports(market: Market, deal: Deal) -> list[Environ]:
    """Each party says something; none depends on another."""
    return [
        asked(market, deal, role, deal.write(role, Kind.DEPOSIT_REPORT, body=report(0, height=7)))
        for role in Role
    ]


def said(deal: Deal) -> int:
    return Message.objects.filter(escrow_id=deal.escrow_id).count()


def codes(given: list[Answer]) -> list[tuple[int, Any]]:
    return [(status, json.loads(body).get("code")) for status, _, body in given]


def test_all_who_wait_are_stored_at_once_and_each_gets_its_own_answer(market: Market) -> None:
    deal = market.attested_deal()
    before = said(deal)
    told: list[int] = []

    def notice(events: list[log.StoredEvent], **_: object) -> None:
        told.append(said(deal))

    log.appended.connect(notice)

    given = answers(Watched(), reports(market, deal))

    assert [status for status, _, _ in given] == [201, 201, 201]
    places = [json.loads(body)["position"] for _, _, body in given]
    assert places == [before + 1, before + 2, before + 3]
    assert told == [before + 3] * 3, "the news of the first came when all three were stored"
    audit.verify()


def test_nobody_is_answered_before_all_of_the_group_is_stored(market: Market) -> None:
    deal = market.attested_deal()
    before, seen = said(deal), list[int]()

    def look(number: int) -> None:
        """From a connection of its own, as any reader has."""
        if number == 2:
            thread = threading.Thread(target=lambda: seen.append(said(deal)))
            thread.start()
            thread.join(PATIENCE)

    given = answers(Watched(look), reports(market, deal))

    assert seen == [before]
    assert [status for status, _, _ in given] == [201, 201, 201]


def test_a_refused_one_takes_nothing_of_the_others_along(market: Market) -> None:
    deal = market.attested_deal()
    first, second, third = reports(market, deal)
    stolen = second | {"HTTP_AUTHORIZATION": third["HTTP_AUTHORIZATION"]}
    again = reports(market, deal)[0] | {"HTTP_IDEMPOTENCY_KEY": "one"}
    other = asked(
        market, deal, Role.VENDOR,
        deal.write(Role.VENDOR, Kind.DEPOSIT_REPORT, body=report(0, height=8)), key="one",
    )  # fmt: skip
    before = said(deal)

    given = answers(Watched(), [first, stolen, again, other, third])

    assert codes(given) == [
        (201, None),
        (403, "role_not_yours"),
        (200, None),
        (201, None),
        (201, None),
    ]
    assert said(deal) == before + 3
    refusals = [event for event in log.read_all(0, limit=500) if event.type == "MessageRefused"]
    assert [json.loads(event.data)["code"] for event in refusals] == ["role_not_yours"]
    audit.verify()


def test_a_key_used_for_two_messages_keeps_only_the_first(market: Market) -> None:
    deal = market.attested_deal()
    one, two = (
        deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=height))
        for height in (7, 8)
    )
    before = said(deal)

    given = answers(
        Watched(),
        [
            asked(market, deal, Role.BUYER, one, key="same"),
            asked(market, deal, Role.BUYER, two, key="same"),
        ],
    )

    assert codes(given) == [(201, None), (422, "idempotency_key_reused")]
    assert said(deal) == before + 1


def test_of_a_group_that_races_for_the_last_place_one_gets_it(market: Market) -> None:
    """Each sees the escrows that those before it in the group have opened."""
    market.proposed_deal()
    deals = [market.deal() for _ in range(5)]
    environs = [
        asked(market, deal, Role.BUYER, deal.propose()) | {"PATH_INFO": "/api/escrow"}
        for deal in deals
    ]

    with limited(at_once=2):
        given = answers(Watched(), environs)

    assert codes(given) == [(201, None)] + [(503, "escrow_limit_reached")] * 4
    assert Escrow.objects.count() == 2
    audit.verify()


def test_when_the_database_gives_up_all_are_told_to_come_again(market: Market) -> None:
    """SQLite rolls back by itself when the disk is full; then our commit would say nothing."""
    deal = market.attested_deal()
    environs = reports(market, deal)
    before = said(deal)

    def lose(number: int) -> None:
        if number == 1:
            connection.connection.execute("ROLLBACK")

    given = answers(Watched(lose), environs[:2])

    assert codes(given) == [(503, "database_unreachable")] * 2
    assert said(deal) == before
    for environ in environs:
        environ["wsgi.input"].seek(0)
    assert [status for status, _, _ in answers(Watched(), environs)] == [201, 201, 201]
    audit.verify()


def test_a_bug_in_one_answer_is_told_and_the_clerk_goes_on(market: Market) -> None:
    deal = market.attested_deal()
    environs = reports(market, deal)

    def fail(number: int) -> None:
        if number == 1:
            raise RuntimeError("a bug")

    given = answers(Watched(fail), environs[:2])
    assert codes(given) == [(500, "internal_error")] * 2

    for environ in environs:
        environ["wsgi.input"].seek(0)
    assert [status for status, _, _ in answers(Watched(), environs)] == [201, 201, 201]


_CRASH = """
import asyncio, io, json, os, sys, threading
from tripartite.coordinator.start import start_django
start_django()
from django.core.wsgi import get_wsgi_application
from tripartite.coordinator.grouping import Clerk

class Dies:
    def __init__(self):
        self.django, self.asked = get_wsgi_application(), 0
    def get_response(self, request):
        self.asked += 1
        if self.asked == 3:
            os.kill(os.getpid(), 9)
        return self.django.get_response(request)

async def ask(environs):
    clerk = Clerk(asyncio.get_running_loop(), Dies())
    waiting = [clerk.ask(one) for one in environs]
    for one in waiting:
        one.add_done_callback(lambda done: print(done.result(), flush=True))
    threading.Thread(target=clerk.run, daemon=True).start()
    await asyncio.gather(*waiting)

environs = json.load(sys.stdin)
for one in environs:
    one["wsgi.input"] = io.BytesIO(one["wsgi.input"].encode())
asyncio.run(ask(environs))
"""


def test_killed_between_two_of_a_group_it_has_answered_and_stored_none(
    engine: Sqlite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with engine.database() as url:
        use_database(url)
        market = Market()
        deal = market.attested_deal()
        environs = reports(market, deal)
        before = said(deal)
        texts = [{**one, "wsgi.input": one["wsgi.input"].getvalue().decode()} for one in environs]

        done = subprocess.run(
            [sys.executable, "-c", _CRASH],
            env={"PATH": "", "TRIPARTITE_DATABASE_URL": url, "TRIPARTITE_NETWORK": "regtest",
                 "TRIPARTITE_DATA_DIR": str(tmp_path_factory.mktemp("home"))},
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )  # fmt: skip

        assert done.returncode == -9, done.stderr
        assert done.stdout == "", "somebody was answered"
        assert said(deal) == before
        assert [status for status, _, _ in answers(Watched(), environs)] == [201, 201, 201]
        audit.verify()


def test_the_short_way_leaves_nothing_out() -> None:
    """It goes past the framework's own throttles: limits belong into middleware."""
    operation = post_message._ninja_operation  # type: ignore[attr-defined]  # ninja puts it there
    assert operation.throttle_objects == []
