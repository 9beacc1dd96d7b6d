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


@dataclass(frozen=True)
class Cluster:
    """A running server; ``socket`` is the directory of its Unix socket."""

    socket: Path

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
    # PostgreSQL refuses to run as root; Debian's package made a user for it.
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if account is not None:
        os.chown(home, account.pw_uid, account.pw_gid)
    user = None if account is None else "postgres"
    group = None if account is None else account.pw_gid
    try:
        subprocess.run(
            [_program("initdb"), "-D", str(home / "data"), *_INITDB],
            user=user, group=group, cwd=home, check=True, capture_output=True, timeout=120,
        )  # fmt: skip  # the call, then its surroundings
        options = [part for option in _FAST for part in ("-c", option)]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [_program("postgres"), "-D", home / "data", "-k", home, "-h", "", *options],
                user=user, group=group, cwd=home, stdout=log, stderr=log,
            )  # fmt: skip  # as above
        try:
            yield _when_ready(Cluster(home), server, home / "log")
        finally:
            # SIGINT is PostgreSQL's fast shutdown: end all sessions, then stop.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(home)


def _when_ready(made: Cluster, server: subprocess.Popen[bytes], log: Path) -> Cluster:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at start:\n{log.read_text()}")
        try:
            psycopg.connect(host=str(made.socket), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
            continue
        return made
    raise TimeoutError(f"PostgreSQL didn't start:\n{log.read_text()}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not versions:
        raise RuntimeError("PostgreSQL isn't installed: apt install postgresql.")
    return str(versions[-1])
