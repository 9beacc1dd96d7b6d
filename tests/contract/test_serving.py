"""Stories about the running server: one port, news at once, nothing lost, a clean end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.contract.kit import AMOUNT, Deal, Market, report
from tests.contract.serving import COMMAND, Served, served
from tripartite.coordinator.accounts.tokens import revoke_token
from tripartite.coordinator.events import log
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

PATIENCE = 30.0


@pytest.fixture
def server(market: Market, database: str, tmp_path: Path) -> Iterator[Served]:
    """A server on the test's own database."""
    with served(tmp_path, DATABASE_URL=database, MIGRATE="yes") as running:
        yield running


def listen(server: Served, token: str, *, after: int = 0) -> ClientConnection:
    return connect(
        f"{server.websocket}?after={after}",
        additional_headers={"Authorization": f"Bearer {token}"},
        open_timeout=PATIENCE,
        max_queue=None,  # a client that leaves with unread frames must still see the close
    )


def read(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(socket.recv(timeout=PATIENCE)) for _ in range(count)]


def post(server: Served, path: str, token: str, body: object) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310 — our own server's http address
        server.url + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 — see above
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def say(server: Served, market: Market, deal: Deal, height: int) -> str:
    text = deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=height))
    status, answer = post(
        server,
        f"/api/escrow/{deal.escrow_id}/messages",
        market.people[Role.BUYER].token,
        {"envelope": text},
    )
    assert status == 201, answer
    deal.fold(text)
    return text


def test_a_message_reaches_the_others_at_once(market: Market, server: Served) -> None:
    deal = market.attested_deal()
    with listen(server, market.people[Role.VENDOR].token, after=log.head()) as socket:
        delays = []
        for height in range(20):
            text = deal.write(Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=height))
            began = time.monotonic()
            say_status, _ = post(
                server,
                f"/api/escrow/{deal.escrow_id}/messages",
                market.people[Role.BUYER].token,
                {"envelope": text},
            )
            (event,) = read(socket, 1)
            delays.append(time.monotonic() - began)
            assert say_status == 201
            assert event["type"] == "MessageRelayed"
            assert event["data"]["envelope"] == text
            deal.fold(text)

    # Not a benchmark: only that nobody waits for a poll of half a second.
    assert statistics.median(delays) < 0.25


def test_all_who_speak_at_once_are_heard_and_each_gets_its_own_place(
    market: Market, server: Served
) -> None:
    deal = market.attested_deal()
    texts = {role: deal.write(role, Kind.DEPOSIT_REPORT, body=report(0, height=7)) for role in Role}
    with (
        listen(server, market.people[Role.ARBITER].token, after=log.head()) as socket,
        ThreadPoolExecutor(len(Role)) as threads,
    ):
        asked = [
            threads.submit(
                post, server, f"/api/escrow/{deal.escrow_id}/messages",
                market.people[role].token, {"envelope": texts[role]},
            )
            for role in Role
        ]  # fmt: skip
        given = [one.result() for one in asked]
        events = read(socket, len(Role))

    assert [status for status, _ in given] == [201] * len(Role)
    heard = {event["data"]["position"]: event["data"]["envelope"] for event in events}
    placed = {
        answer["position"]: text for (_, answer), text in zip(given, texts.values(), strict=True)
    }
    assert heard == placed


def test_whoever_comes_back_with_its_cursor_has_missed_nothing(
    market: Market, server: Served
) -> None:
    """Also while messages keep coming in."""
    deal = market.attested_deal()
    token = market.people[Role.ARBITER].token
    seen: list[int] = []
    for part in range(4):
        with listen(server, token, after=seen[-1] if seen else 0) as socket:
            for height in range(5):
                say(server, market, deal, part * 5 + height)
            seen += [event["cursor"] for event in read(socket, 6)]
    with listen(server, token, after=seen[-1]) as socket:
        rest = log.head() - seen[-1]
        seen += [event["cursor"] for event in read(socket, rest)]

    assert seen == list(range(1, log.head() + 1))


def test_what_another_process_writes_is_pushed_too(market: Market, server: Served) -> None:
    with listen(server, market.people[Role.BUYER].token) as socket:
        deal = market.proposed_deal()  # written by this process, not by the server
        (event,) = read(socket, 1)

    assert (event["type"], event["escrow_id"]) == ("MessageRelayed", deal.escrow_id)


def test_a_websocket_needs_a_token_and_a_cursor(market: Market, server: Served) -> None:
    for token, after, status in [("tri_wrong", "0", 401), ("", "0", 401)]:
        with pytest.raises(InvalidStatus) as refused:
            listen(server, token, after=int(after))
        assert refused.value.response.status_code == status
    token = market.people[Role.BUYER].token
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"{server.websocket}?after=x", additional_headers={"Authorization": f"Bearer {token}"}
        )
    assert refused.value.response.status_code == 404


def test_http_and_websocket_share_the_port_and_its_manners(market: Market, server: Served) -> None:
    token = market.people[Role.BUYER].token

    status, body = post(server, "/api/escrow", token, {"envelope": "x" * 600_000})
    assert (status, body["code"]) == (413, "body_too_large")
    status, body = post(server, "/api/nowhere", token, {})
    assert (status, body["code"]) == (404, "route_unknown")
    status, body = post(server, "/api/network", token, {})
    assert (status, body["code"]) == (405, "method_not_allowed")


def test_a_large_body_without_a_length_is_cut_off(market: Market, server: Served) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE)
    try:
        connection.request(
            "POST",
            "/api/escrow",
            (b"x" * 65_536 for _ in range(12)),
            {"Content-Type": "application/json"},
            encode_chunked=True,
        )
        response = connection.getresponse()
        assert response.status == 413
    finally:
        connection.close()


def test_a_busy_server_stops_when_told_and_has_no_child(
    market: Market, database: str, tmp_path: Path
) -> None:
    with served(tmp_path, DATABASE_URL=database, MIGRATE="yes") as server:
        pid = server.process.pid
        with listen(server, market.people[Role.BUYER].token) as socket:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            server.process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=PATIENCE)
        assert server.process.wait(timeout=PATIENCE) == 0

    assert children == []
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "stopping"]


def test_parts_can_run_as_processes_of_their_own(
    market: Market, database: str, tmp_path: Path
) -> None:
    """As behind nginx: what goes in at one comes out at the other."""
    homes = [tmp_path / name for name in ("http", "events", "work")]
    for home in homes:
        home.mkdir()
    deal = market.attested_deal()
    with (
        served(homes[0], "--only", "http", DATABASE_URL=database, MIGRATE="yes") as http,
        served(homes[1], "--only", "events", DATABASE_URL=database) as events,
        served(homes[2], "--only", "work", DATABASE_URL=database),
        listen(events, market.people[Role.VENDOR].token, after=log.head()) as socket,
    ):
        text = say(http, market, deal, 1)
        (event,) = read(socket, 1)
        status, _ = post(events, "/api/escrow", market.people[Role.BUYER].token, {})

        worker = Path(f"/proc/{http.process.pid}/task/{http.process.pid}/children").read_text()
        post(http, "/api/nowhere", market.people[Role.BUYER].token, {})

    assert event["data"]["envelope"] == text
    assert status == 404, "the events process has no API"
    assert worker
    assert not [pid for pid in worker.split() if Path(f"/proc/{pid}/fd").exists()]
    assert all(json.loads(line) for line in http.log.read_text().splitlines())


def test_the_log_tells_nothing_that_must_stay_inside(market: Market, server: Served) -> None:
    deal = market.attested_deal()
    token = market.people[Role.BUYER].token
    text = say(server, market, deal, 1)
    post(server, f"/api/escrow/{deal.escrow_id}/messages", token, {"envelope": "wrong"})
    post(server, f"/api/escrow/{deal.escrow_id}/messages", "tri_guess", {"envelope": text})

    log_text = server.log.read_text()
    assert deal.record is not None
    secrets = (token, "tri_guess", text, deal.record.address, str(AMOUNT), deal.escrow_id)
    assert not [secret for secret in secrets if str(secret) in log_text]
    assert '"code": "envelope_malformed"' in log_text, "but why a request was refused, it tells"


def test_an_outdated_database_is_not_served(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        env={
            **os.environ,
            "TRIPARTITE_DATA_DIR": str(tmp_path),
            "TRIPARTITE_DATABASE_URL": f"sqlite://{tmp_path}/empty.sqlite3",
            "TRIPARTITE_MIGRATE": "no",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "--migrate-only" in done.stderr
    key = tmp_path / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_revoking_a_token_ends_its_next_request(market: Market, server: Served) -> None:
    person = market.people[Role.BUYER]
    token_id = int(person.api.get("/api/tokens").body["tokens"][0]["id"])

    revoke_token(person.account_id, token_id)

    status, body = post(server, "/api/escrow", person.token, {"envelope": "x"})
    assert (status, body["code"]) == (401, "token_invalid")
