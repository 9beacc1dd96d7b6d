"""Agents that only wait, and messages that are only said: what a load needs instead of parties."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final, cast
from urllib.parse import urlsplit

from benchmarks.books import Books
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.envelope import Kind, Message

_OPEN_SECONDS: Final = 60.0


class LoadFailed(Exception):
    """A message was refused, or an agent lost its connection."""


def enrol(books: Books, count: int) -> list[str]:
    """So many accounts with a token each; the tokens.

    Written into the database: hashing their passwords would take longer than all the rest.
    """
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
    with books.writing() as write:
        for number, token in enumerate(tokens):
            name, digest = f"waiting-{number}", hashlib.sha256(token.encode()).hexdigest()
            write(
                "INSERT INTO accounts_account (password, is_superuser, name, is_staff, is_arbiter,"
                f" is_active, created_at) VALUES ('!', FALSE, '{name}', FALSE, FALSE, TRUE,"
                f" '{now}')"
            )
            write(
                "INSERT INTO accounts_apitoken (account_id, digest, label, scope, created_at)"
                f" SELECT id, '{digest}', 'load', 'full', '{now}' FROM accounts_account"
                f" WHERE name = '{name}'"
            )
    return tokens


class Ask:
    """How many agents are connected still."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, line: str = "") -> Mapping[str, object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return cast("Mapping[str, object]", json.loads(self._process.stdout.readline()))


@contextmanager
def waiting(coordinator: CoordinatorProcess, tokens: Sequence[str]) -> Iterator[Ask]:
    """While this lasts, agents with these tokens are connected."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.waiting_agents"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ask = Ask(process)
        url = f"ws{coordinator.url.removeprefix('http')}/api/events/ws?after=0"
        answer = ask(json.dumps({"url": url, "tokens": list(tokens)}))
        if answer["failed"]:
            raise LoadFailed(f"not all agents could connect: {answer}")
        yield ask
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_OPEN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say(url: str, tokens: Mapping[Role, Secret], messages: Iterable[Message]) -> Iterator[float]:
    """Messages over one connection; the seconds until each was stored and answered.

    Raises LoadFailed.
    """
    place = urlsplit(url)
    with closing(http.client.HTTPConnection(place.hostname or "", place.port)) as connection:
        for message in messages:
            opening = message.kind is Kind.PROPOSE
            path = "/api/escrow" if opening else f"/api/escrow/{message.escrow_id}/messages"
            headers = {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {tokens[message.role].reveal()}",
                "Idempotency-Key": message.digest,
            }
            body = json.dumps({"envelope": message.text}).encode()
            began = time.monotonic()
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != http.client.CREATED:
                raise LoadFailed(f"{message.kind.value}: {response.status} {answer[:500]!r}")
            yield time.monotonic() - began
