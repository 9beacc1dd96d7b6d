"""Group commit: requests that wait for the disk anyway wait for it together.

SQLite lets one transaction write at a time, and a transaction isn't stored before its commit is on
the disk. So one thread, the clerk, answers all requests that say something in an escrow. It runs
the ordinary application for each one that waits, all inside one transaction, and hands the answers
over when that is committed: nobody hears of what isn't stored. What one request does is a savepoint
within, so a refused one takes nothing of the others along.

Only for SQLite. On PostgreSQL transactions of several nodes would wait for each other's escrows,
and the server syncs those that commit at the same time together by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.db import (
    DatabaseError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
)
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tripartite.coordinator.ops.problems import http_problem
from tripartite.coordinator.ops.refusing import database_away
from tripartite.coordinator.storing import write_transaction

MOST_IN_A_GROUP: Final = 16
"""Others who want to write wait for a whole group: some milliseconds."""

Environ = dict[str, Any]  # PEP 3333: anything
Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    environ: Environ
    answer: asyncio.Future[Answer]


class Handler(Protocol):
    """Django, as far as the clerk calls it."""

    def get_response(self, request: HttpRequest, /) -> HttpResponseBase: ...


class Clerk:
    """The one thread that answers what is said."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, django: Handler, *, most: int = MOST_IN_A_GROUP
    ) -> None:
        self._loop = loop
        self._django = django
        self._most = most
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._stopping = False

    def ask(self, environ: Environ) -> asyncio.Future[Answer]:
        """The answer, once what it says is stored. Call in the event loop."""
        waiting = _Waiting(environ, self._loop.create_future())
        self._queue.put(waiting)
        return waiting.answer

    def run(self) -> None:
        """Answer until ``stop``."""
        try:
            while not self._stopping:
                first = self._queue.get()
                if first is None:
                    return
                self._serve(first)
        finally:
            connections.close_all()

    def stop(self) -> None:
        """Let ``run`` return when all that waits is answered."""
        self._queue.put(None)

    def _serve(self, first: _Waiting) -> None:
        """Answer a group, and hand the answers over when it is stored, or known not to be."""
        group: list[_Waiting] = []
        close_old_connections()
        try:
            answers = self._stored(group, first)
        except DatabaseError as error:
            _log.warning("group_not_stored", requests=len(group), error=type(error).__name__)
            answers = [flat(database_away())] * len(group)
        except Exception:  # noqa: BLE001 — a bug of ours; who waits still gets an answer
            _log.exception("group_failed", requests=len(group))
            answers = [flat(http_problem(500))] * len(group)
        self._loop.call_soon_threadsafe(_hand_over, group, answers)

    def _stored(self, group: list[_Waiting], first: _Waiting) -> list[Answer]:
        """The answers to ``first`` and all who come meanwhile; they are added to ``group``."""
        answers: list[Answer] = []
        following: _Waiting | None = first
        with write_transaction():
            while following is not None:
                group.append(following)
                # Not as WSGI: at each request's begin and end that would close the connection with
                # our transaction in it, as one that a request forgot.
                answers.append(flat(self._django.get_response(WSGIRequest(following.environ))))
                _require_transaction()
                following = self._another() if len(group) < self._most else None
        return answers

    def _another(self) -> _Waiting | None:
        try:
            following = self._queue.get_nowait()
        except Empty:
            return None
        self._stopping = following is None
        return following


def flat(response: HttpResponseBase) -> Answer:
    """A response of Django's as the server sends it."""
    assert isinstance(response, HttpResponse), "nothing here is streamed"
    headers = [(name.lower(), value) for name, value in response.items()]
    headers += [("set-cookie", one.OutputString()) for one in response.cookies.values()]
    return response.status_code, headers, response.content


def _require_transaction() -> None:
    """Raise if SQLite has rolled everything back, as it does when the disk is full or fails.

    It would go on without a transaction then, and our commit would say nothing.
    https://www.sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"
    """
    if not connection.connection.in_transaction:
        raise OperationalError("the transaction was rolled back")


def _hand_over(group: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
    for waiting, answer in zip(group, answers, strict=True):
        if not waiting.answer.done():  # it is, if the client has gone
            waiting.answer.set_result(answer)
