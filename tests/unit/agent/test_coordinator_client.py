"""What the agent makes of the coordinator's answers, and where it goes at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import httpx2
import pytest

from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent import coordinator_client
from tripartite.agent.coordinator_client import (
    CoordinatorBusy,
    CoordinatorClient,
    CoordinatorProxyUnsuitable,
    CoordinatorRefused,
    CoordinatorUnreachable,
    CoordinatorUrlInsecure,
    MailboxTooLong,
    Origin,
    TokenNotAccepted,
)
from tripartite.agent.event_stream import read_events
from tripartite.agent.ports import Forwarded
from tripartite.agent.speaking import MessageRefused
from tripartite.domain.errors import TripartiteError
from tripartite.domain.limits import (
    AmountAboveLimit,
    EscrowLimitReached,
    UnderMaintenance,
    VolumeLimitReached,
)
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json, digest

Answer = Callable[[httpx2.Request], httpx2.Response]


def client(answer: Answer) -> CoordinatorClient:
    return CoordinatorClient(
        Origin("https://escrow.example"),
        Secret("tri_secret"),
        transport=httpx2.MockTransport(answer),
    )


def problem(status: int, code: str) -> Answer:
    body = {"code": code, "title": "No", "detail": "Because.", "status": status}
    return lambda _: httpx2.Response(status, json=body)


@pytest.mark.parametrize(
    "url",
    ["https://escrow.example", "https://escrow.example:8443", "http://127.0.0.1:8700",
     "http://[::1]:8700", "http://localhost:1", "http://abcdefgh.onion"],
)  # fmt: skip
def test_safe_addresses_are_taken(url: str) -> None:
    assert Origin(url).socket_url.startswith("ws")


@pytest.mark.parametrize(
    "url",
    ["http://escrow.example", "http://10.0.0.1", "http://localhost.example", "ftp://127.0.0.1",
     "escrow.example", "https://", "https://user@escrow.example", "https://escrow.example/path",
     "https://escrow.example?x", "http://127.0.0.1.example", "https://escrow.example:port"],
)  # fmt: skip
def test_addresses_that_would_show_the_token_are_refused(url: str) -> None:
    with pytest.raises(CoordinatorUrlInsecure):
        Origin(url)


def test_a_proxy_that_looks_names_up_outside_is_refused() -> None:
    with pytest.raises(CoordinatorProxyUnsuitable):
        CoordinatorClient(Origin("https://escrow.example"), None, proxy="socks5://127.0.0.1:9050")


def test_a_message_is_posted_with_its_digest_as_idempotency_key() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(201, json={"position": 7, "state": "keying"})

    placed = client(answer).post(ESCROW_ID, "the text")

    assert placed.position == 7
    (request,) = asked
    assert request.url.path == f"/api/escrow/{ESCROW_ID}/messages"
    assert json.loads(request.content) == {"envelope": "the text"}
    assert request.headers["Idempotency-Key"] == digest(b"the text")
    assert request.headers["Authorization"] == "Bearer tri_secret"


@pytest.mark.parametrize("status", [403, 409, 413, 422])
def test_a_no_to_a_message_is_an_answer(status: int) -> None:
    with pytest.raises(MessageRefused) as refused:
        client(problem(status, "out_of_round")).post(ESCROW_ID, "text")

    assert refused.value.reason == "out_of_round"


@pytest.mark.parametrize("status", [404, 408, 429, 500, 502, 503])
def test_trouble_on_the_way_is_no_answer(status: int) -> None:
    with pytest.raises(CoordinatorBusy):
        client(problem(status, "whatever")).post(ESCROW_ID, "text")


def test_an_unknown_escrow_is_an_answer() -> None:
    with pytest.raises(MessageRefused):
        client(problem(404, "escrow_unknown")).post(ESCROW_ID, "text")


def test_a_revoked_token_keeps_messages_waiting() -> None:
    with pytest.raises(TokenNotAccepted):
        client(problem(401, "token_invalid")).post(ESCROW_ID, "text")


def test_a_lost_connection_says_nothing_of_the_request() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("tri_secret", request=request)

    with pytest.raises(CoordinatorUnreachable) as lost:
        client(answer).post(ESCROW_ID, "text")

    assert lost.value.__cause__ is None
    assert "tri_secret" not in str(lost.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"position": "7"}'])
def test_an_answer_of_another_form_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(CoordinatorBusy):
        client(lambda _: httpx2.Response(200, content=body)).post(ESCROW_ID, "text")


def test_messages_are_fetched_page_by_page() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        after = int(request.url.params["after"])
        shown = [{"position": after + 1, "envelope": f"text {after + 1}", "received_at": "now"}]
        return httpx2.Response(
            200, json={"messages": shown, "next": after + 1 if after < 2 else None}
        )

    found = client(answer).messages(ESCROW_ID, after=0)

    assert found == [Forwarded(ESCROW_ID, n, f"text {n}") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("positions", "following"),
    [([], 1), ([1], 1), ([1, 3], 2), ([2, 1], 1), ([1, 1], 1), ([1], 2**31)],
    ids=["empty", "again", "short", "backwards", "twice", "far"],
)
def test_a_mailbox_that_leads_in_circles_is_not_read(positions: list[int], following: int) -> None:
    """Else an agent would ask for ever, and hold everything in memory."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        assert len(asked) < 9, "it asks for ever"
        shown = [{"position": one, "envelope": "x"} for one in positions]
        return httpx2.Response(200, json={"messages": shown, "next": following})

    with pytest.raises(CoordinatorBusy):
        client(answer).messages(ESCROW_ID, after=0)


def test_a_mailbox_that_never_ends_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator_client, "_MAILBOX_BYTES", 1_000)
    last = 0

    def answer(_: httpx2.Request) -> httpx2.Response:
        nonlocal last
        last += 1
        assert last < 99, "it asks for ever"
        shown = [{"position": last, "envelope": "x" * 100}]
        return httpx2.Response(200, json={"messages": shown, "next": last})

    with pytest.raises(MailboxTooLong):
        client(answer).messages(ESCROW_ID, after=0)


def test_names_come_from_the_summary() -> None:
    parties = {role.value: {"account": f"{role.value}-account"} for role in Role}

    names = client(lambda _: httpx2.Response(200, json={"parties": parties})).names(ESCROW_ID)

    assert names == {role: f"{role.value}-account" for role in Role}


def test_an_account_without_an_agent_has_no_identity() -> None:
    answer = httpx2.Response(200, json={"name": "carol", "identity": None, "fingerprint": None})

    assert client(lambda _: answer).identity_of("carol") is None


def test_a_key_that_is_none_is_not_taken() -> None:
    broken = {"identity": {"sign": "AAAA", "seal": "AAAA"}}

    with pytest.raises(CoordinatorBusy):
        client(lambda _: httpx2.Response(200, json=broken)).identity_of("carol")


def test_an_unknown_account_is_a_refusal() -> None:
    with pytest.raises(CoordinatorRefused) as refused:
        client(problem(404, "account_unknown")).identity_of("carol")

    assert refused.value.reason == "account_unknown"


LIMITS = {
    "max_escrow_amount_atomic": "5",
    "max_total_volume_atomic": "50",
    "total_volume_left_atomic": "4",
    "max_concurrent_escrows": 20,
    "concurrent_escrows_left": 1,
    "maintenance": False,
    "reason": "",
}


@pytest.mark.parametrize(
    ("changes", "amount", "error"),
    [
        ({}, 6, AmountAboveLimit),
        ({}, 5, VolumeLimitReached),
        ({"concurrent_escrows_left": 0}, 4, EscrowLimitReached),
        ({"reason": "A new release", "maintenance": True}, 4, UnderMaintenance),
    ],
)
def test_what_would_not_be_taken_is_known_before(
    changes: Mapping[str, Json], amount: int, error: type[TripartiteError]
) -> None:
    answer = httpx2.Response(200, json={**LIMITS, **changes})

    client(lambda _: httpx2.Response(200, json=LIMITS)).require_room(4)
    with pytest.raises(error):
        client(lambda _: answer).require_room(amount)


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, "route_unknown"),
        problem(503, "database_unreachable"),
        lambda _: httpx2.Response(200, json={**LIMITS, "max_escrow_amount_atomic": "lots"}),
        lambda _: httpx2.Response(200, json=dict.fromkeys(LIMITS) | {"reason": ""}),
    ],
    ids=["older", "away", "unreadable", "none"],
)
def test_limits_that_cant_be_read_or_arent_there_stop_nobody(answer: Answer) -> None:
    client(answer).require_room(10**15)


def test_events_are_sorted_into_messages_and_hints() -> None:
    batch = read_events(
        [
            {"cursor": 3, "type": "MessageRelayed", "escrow_id": ESCROW_ID, "at": "now",
             "data": {"position": 1, "envelope": "text", "role": "buyer", "kind": "propose"}},
            {"cursor": 4, "type": "TransactionConfirmed", "escrow_id": "bb" * 16, "at": "now",
             "data": {}},
            {"cursor": 5, "type": "SomethingNew", "escrow_id": "cc" * 16, "at": "now"},
            {"no": "event"},
        ]
    )  # fmt: skip

    assert batch.messages == [Forwarded(ESCROW_ID, 1, "text")]
    assert batch.touched == {"bb" * 16}
    assert batch.cursor == 5
