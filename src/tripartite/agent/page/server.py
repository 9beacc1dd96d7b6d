"""HTTP on the loopback address, for one person's browser.

A page on the loopback address can be called by every web site that its owner visits. So a request
must name our own host (a name that was re-bound to 127.0.0.1 doesn't), a form must come from our
own origin and carry its session's token, and nothing is shown without a session.
"""

from __future__ import annotations

import hmac
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

import structlog

from tripartite.agent.page import doors
from tripartite.agent.page.answers import HEADERS, Answer, page, redirect, static
from tripartite.agent.page.doors import Doors, Session
from tripartite.agent.page.forms import MAX_BODY_BYTES, Form, read_form, read_query
from tripartite.agent.page.reception import Reception, Request
from tripartite.agent.page.wording import speaking
from tripartite.domain.errors import Refused, Tampered, TripartiteError, Unavailable
from tripartite.domain.translating import Say

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8710
_SECONDS: Final = 30.0

_log = structlog.get_logger()


class PageCannotListen(Unavailable):
    """The page's port can't be used."""

    code: ClassVar[str] = "page_cannot_listen"


@contextmanager
def serving(reception: Reception, home: Path, *, port: int) -> Iterator[str]:
    """Serve the page while inside; yields its origin. Port 0 is any free one.

    The default port, if it is taken, is replaced by a free one, too: several agents may run on one
    machine. Raises ``PageCannotListen``.
    """
    server = _listen(port)
    bound = server.server_address[1]
    origin = f"http://{HOST}:{bound}"
    server.set_up(reception, Doors(home), bound)
    thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
    thread.start()
    doors.announce(home, origin)
    try:
        yield origin
    finally:
        doors.retract(home)
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second agent must not be able to listen beside us on the same port.
    allow_reuse_port = False

    reception: Reception
    doors: Doors
    hosts: frozenset[str]
    cookie: str

    def set_up(self, reception: Reception, entrance: Doors, port: int) -> None:
        """What the handlers work with."""
        self.reception = reception
        self.doors = entrance
        self.hosts = frozenset(f"{name}:{port}" for name in (HOST, "localhost"))
        # Cookies know no ports: each agent on this machine has a name of its own.
        self.cookie = f"agent-{port}"

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 — socketserver's own signature
        """A browser that went away before it had its answer is nobody's fault."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            _log.exception("page_connection_failed")


def _listen(port: int) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except OSError as error:
        if port == DEFAULT_PORT:
            return _Server((HOST, 0), _Handler)
        raise PageCannotListen(f"Choose another --page-port than {port}, or 0.") from error


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "tripartite"
    sys_version = ""
    timeout = _SECONDS

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, *_: object) -> None:
        """Addresses hold escrow ids: they go into no log."""

    def _answer(self, method: str) -> None:
        say = speaking(self.headers.get("Accept-Language", ""))
        try:
            answer = self._find(method)
        except TripartiteError as error:
            answer = page("error.html", say, status=_status(error), error=error, session=None)
        except Exception:  # noqa: BLE001 — a bug in a page must not end the agent; it is logged
            _log.exception("page_failed")
            answer = page("failed.html", say, status=500, session=None)
        self._send(answer)

    def _find(self, method: str) -> Answer:
        say = speaking(self.headers.get("Accept-Language", ""))
        if self.headers.get("Host", "") not in self.server.hosts:
            return Answer(421, b"Wrong host.", "text/plain")
        try:
            target = urlsplit(self.path)
            form = read_query(target.query)
        except ValueError:
            return _nothing(say)
        if target.path.startswith("/static/") and method == "GET":
            return static(target.path.removeprefix("/static/")) or _nothing(say)
        if target.path == "/enter" and method == "GET":
            return self._enter(form.text("link"), say)
        session = self._session()
        if session is None:
            return page("closed.html", say, status=403, session=None)
        if method == "POST":
            posted = self._posted(session)
            if posted is None:
                return page("old_form.html", say, status=403, session=session)
            form = posted
        if target.path == "/leave" and method == "POST":
            self.server.doors.leave(session)
            return redirect("/")
        asked = Request(
            method=method,
            path=target.path,
            form=form,
            session=session,
            say=say,
            is_part=self.headers.get("HX-Request") == "true",
        )
        return self.server.reception.answer(asked) or _nothing(say, session)

    def _enter(self, link: str, say: Say) -> Answer:
        session = self.server.doors.enter(link)
        if session is None:
            return page("closed.html", say, status=403, session=None)
        cookie = f"{self.server.cookie}={session.id}; HttpOnly; SameSite=Lax; Path=/"
        return redirect("/", Set_Cookie=cookie)

    def _session(self) -> Session | None:
        try:
            jar = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return None
        found = jar.get(self.server.cookie)
        return None if found is None else self.server.doors.session(found.value)

    def _posted(self, session: Session) -> Form | None:
        """The form, if it came from our own page; None if not."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            self.close_connection = True
            return None
        plain = length.isascii() and length.isdigit() and len(length) <= len(str(MAX_BODY_BYTES))
        if not plain or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        try:
            form = read_form(self.headers.get("Content-Type", ""), body)
        except ValueError:
            return None
        given = form.text("csrf").encode()
        return form if hmac.compare_digest(given, session.csrf.encode()) else None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _nothing(say: Say, session: Session | None = None) -> Answer:
    return page("nothing.html", say, status=404, session=session)


def _status(error: TripartiteError) -> int:
    match error:
        case Refused():
            return 422
        case Unavailable():
            return 503
        case Tampered():
            return 409
    return 500
