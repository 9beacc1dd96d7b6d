"""A private PostgreSQL for one test session: own directory, own socket, nothing kept.

Nothing of a PostgreSQL that may run on this machine is used or touched. The server listens on a
Unix socket only, is a child of this process, and is stopped with it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

# Debian keeps each version's server programs here, off the PATH.
_DEBIAN = Path("/usr/lib/postgresql")
_INITDB = (
    *("-U", "postgres", "-A", "trust", "-N"),
    *("--no-locale", "-E", "UTF8", "--no-instructions"),
)
# What makes a database safe costs time and saves nothing here: the cluster is thrown away.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=50")


@dataclass
class Cluster:
    """A server; ``socket`` is the directory of its Unix socket."""

    socket: Path
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Let it run, again with what it had; returns when it answers."""
        account = _account()
        user = None if account is None else "postgres"
        group = None if account is None else account.pw_gid
        options = [part for option in _FAST for part in ("-c", option)]
        home = str(self.socket)
        command = [_program("postgres"), "-D", f"{home}/data", "-k", home, "-h", ""]
        with (self.socket / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*command, *options],
                user=user, group=group, cwd=self.socket, stdout=log, stderr=log,
            )  # fmt: skip  # the call, then its surroundings
        _await(self.socket, self._server)

    def stop(self) -> None:
        """End all sessions, then the server."""
        if self._server is not None:
            # SIGINT is PostgreSQL's fast shutdown.
            self._server.send_signal(signal.SIGINT)
            self._server.wait(timeout=30)
            self._server = None

    def url(self, name: str) -> str:
        """The DATABASE_URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self.socket}"

    def create(self, name: str, *, template: str = "template1") -> str:
        """Make a database, copied from ``template``, and return its URL."""
        with self._maintenance() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, with whoever is still connected to it."""
        with self._maintenance() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

    def _maintenance(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket), user="postgres", dbname="postgres", autocommit=True
        )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A fresh cluster, running until the block ends."""
    # Short: a Unix socket's path may have 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="tripartite-pg-"))
    account = _account()
    if account is not None:
        os.chown(home, account.pw_uid, account.pw_gid)
    user = None if account is None else "postgres"
    group = None if account is None else account.pw_gid
    try:
        subprocess.run(
            [_program("initdb"), "-D", str(home / "data"), *_INITDB],
            user=user, group=group, cwd=home, check=True, capture_output=True, timeout=120,
        )  # fmt: skip  # the call, then its surroundings
        made = Cluster(home)
        try:
            made.start()
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(home)


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; Debian's package made a user for it."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _await(socket: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at start:\n{(socket / 'log').read_text()}")
        try:
            psycopg.connect(host=str(socket), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
            continue
        return
    raise TimeoutError(f"PostgreSQL didn't start:\n{(socket / 'log').read_text()}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not versions:
        raise RuntimeError("PostgreSQL isn't installed: apt install postgresql.")
    return str(versions[-1])
