"""Each process tells what it counted; one of them answers Prometheus for all of its node."""

from __future__ import annotations

import atexit
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Final

import structlog
from django.db import close_old_connections, connections

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.ops.health import readiness
from tripartite.coordinator.ops.metrics.exposition import CONTENT_TYPE, Scraper
from tripartite.coordinator.ops.metrics.queries import open_connections
from tripartite.coordinator.ops.metrics.sharing import Counted, Share, read_others
from tripartite.coordinator.ops.metrics.tally import TALLY, add_up

EVERY: Final = 1.0
"""Seconds between two writes: how old another process's counts may be in a scrape."""

_SLOW_CLIENT: Final = 10.0

_log = structlog.get_logger()


class Reporter:
    """One thread of each process. ``run`` until ``stop``."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._directory = configuration.data_dir / "metrics"
        self._stopping = threading.Event()

    def run(self) -> None:
        """Write what this process counts; answer scrapes if nobody else of this node does."""
        share = Share(self._directory)
        desk = _Desk(self._configuration, self._directory, share.token)
        try:
            while True:
                share.write(_own())
                desk.open()
                if self._stopping.wait(EVERY):
                    return
        finally:
            desk.close()
            share.write(_own())
            share.close()

    def stop(self) -> None:
        """Let ``run`` write once more and return."""
        self._stopping.set()


def report_in_background(configuration: Configuration) -> None:
    """For a process whose end isn't ours to arrange: a worker of a WSGI server."""
    reporter = Reporter(configuration)
    thread = threading.Thread(target=reporter.run, name="metrics", daemon=True)
    thread.start()

    def end() -> None:
        reporter.stop()
        thread.join(timeout=EVERY)

    atexit.register(end)


def _own() -> Counted:
    return Counted(TALLY.totals(), open_connections())


class _Desk:
    """The listener, once this process holds the node's reader lock and the port is free."""

    def __init__(self, configuration: Configuration, directory: Path, token: str) -> None:
        self._configuration = configuration
        self._directory = directory
        self._token = token
        self._lock: int | None = None
        self._server: _Server | None = None
        self._complained = False
        # Scrapes one after the other, in one thread with one database connection.
        self._scraping = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scrape")
        self._scraper = Scraper(configuration.data_dir)

    def open(self) -> None:
        """Begin to answer, if that is this process's to do."""
        if self._server is not None or not self._configuration.metrics_port:
            return
        if self._lock is None and not self._take_lock():
            return
        address = (self._configuration.metrics_host, self._configuration.metrics_port)
        try:
            self._server = _Server(address, self)
        except OSError as error:
            if not self._complained:
                _log.warning("metrics_port_taken", port=address[1], error=type(error).__name__)
                self._complained = True
            return
        threading.Thread(target=self._server.serve_forever, name="metrics-listener").start()

    def close(self) -> None:
        """Answer no more; another process of this node takes over."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._scraping.submit(connections.close_all).result()
        self._scraping.shutdown()
        if self._lock is not None:
            os.close(self._lock)

    def page(self) -> bytes:
        """One scrape."""
        return self._scraping.submit(self._scrape).result()

    def ready(self) -> tuple[int, str, bytes]:
        """Status, content type and body of ``/readyz``."""
        return self._scraping.submit(_ready).result()

    def _scrape(self) -> bytes:
        close_old_connections()
        others = read_others(self._directory, but=self._token)
        mine = _own()
        sums = {key: list(cell) for key, cell in mine.cells.items()}
        add_up(sums, others.cells)
        return self._scraper.text(
            Counted(sums, mine.connections + others.connections, 1 + others.processes)
        )

    def _take_lock(self) -> bool:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._directory / "reader", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True


def _ready() -> tuple[int, str, bytes]:
    close_old_connections()
    return readiness()


class _Server(ThreadingMixIn, TCPServer):
    # Not the standard library's HTTPServer: that asks the network for its own host's name.
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], desk: _Desk) -> None:
        self.desk = desk
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SLOW_CLIENT

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(200, CONTENT_TYPE, self.server.desk.page())
            case "/healthz":
                self._answer(200, "text/plain", b"alive\n")
            case "/readyz":
                self._answer(*self.server.desk.ready())
            case _:
                self._answer(404, "text/plain", b"There are /metrics, /healthz and /readyz.\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: scrapes every 15 seconds are no news."""

    def version_string(self) -> str:
        return "tripartite"

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
