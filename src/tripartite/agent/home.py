"""The directory that is one party: keyring, journal, wallets. For its owner's eyes only."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.agent.journal import Clock, Journal
from tripartite.agent.keyring import (
    Keyring,
    KeyringUnreadable,
    LockedKeyring,
    Stretching,
    create_keyring,
    open_keyring,
)
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity, PublicIdentity

_POKE: Final = b"look"


class HomeUnsafe(Refused):
    """Others can read the agent's home."""

    code: ClassVar[str] = "home_unsafe"


class HomeExists(Refused):
    """There is an agent in this home already."""

    code: ClassVar[str] = "home_exists"


class AgentRunning(Refused):
    """An agent is running in this home already."""

    code: ClassVar[str] = "agent_running"


@dataclass(frozen=True, slots=True)
class Home:
    """Where things are."""

    directory: Path

    @property
    def keyring(self) -> Path:
        """How the master key is made."""
        return self.directory / "keyring.json"

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.directory / "journal.sqlite3"

    @property
    def wallets(self) -> Path:
        """What the wallet pool keeps."""
        return self.directory / "wallets"

    @property
    def evidence(self) -> Path:
        """Files that others showed in disputes. Nothing here opens them."""
        return self.directory / "evidence"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the home for one running agent. Raises ``AgentRunning``."""
        with self._lock_file() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AgentRunning("Stop the other one first; two would spoil each other.") from (
                    error
                )
            yield

    def is_running(self) -> bool:
        """Whether an agent holds this home."""
        with self._lock_file() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def poke(self) -> bool:
        """Have the running agent look into its journal; False if none runs."""
        with self._socket_path() as path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            try:
                one.sendto(_POKE, path)
            except OSError:
                return False
        return True

    def listen(self) -> socket.socket:
        """The socket on which ``poke`` arrives. Call it while holding the home."""
        with self._socket_path() as path:
            with suppress(FileNotFoundError):
                Path(path).unlink()
            one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            before = os.umask(0o177)
            try:
                one.bind(path)
            finally:
                os.umask(before)
        return one

    @contextmanager
    def _socket_path(self) -> Iterator[str]:
        """A name of the socket that is short enough: sun_path holds 108 bytes (unix(7))."""
        place = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{place}/agent.sock"
        finally:
            os.close(place)

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        descriptor = os.open(self.directory / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class OpenHome:
    """An unlocked home."""

    home: Home
    journal: Journal
    identity: Identity
    network: Network


def utc_now() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


def create_home(
    directory: Path,
    *,
    network: Network,
    passphrase: Secret | None = None,
    key_file: Path | None = None,
    stretching: Stretching | None = None,
    now: Clock = utc_now,
    identity: Identity | None = None,
) -> OpenHome:
    """A new party: an identity key that never leaves this directory.

    ``identity`` is given by a kit, which brings one party to another machine.
    Raises ``HomeExists``, ``HomeUnsafe``, and what ``create_keyring`` raises.
    """
    home = Home(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_directory(directory)
    if home.keyring.exists() or home.journal.exists():
        raise HomeExists("Use it, or choose another --home. A home is never written over.")
    keyring = create_keyring(
        home.keyring, passphrase=passphrase, key_file=key_file, stretching=stretching
    )
    journal = Journal(home.journal, keyring, now=now)
    identity = identity or Identity.generate()
    with journal.commit():
        journal.set_secret("identity", Secret(json.dumps(identity.reveal())))
        journal.set_setting("public_identity", json.dumps(identity.public.to_json()))
        journal.set_setting("network", network.value)
    return OpenHome(home, journal, identity, network)


def open_home(
    directory: Path,
    *,
    passphrase: Secret | None = None,
    key_file: Path | None = None,
    now: Clock = utc_now,
) -> OpenHome:
    """An existing party. Raises ``HomeUnsafe``, and what ``open_keyring`` raises."""
    home = Home(directory)
    if directory.exists():
        _check_directory(directory)
    keyring: Keyring = open_keyring(home.keyring, passphrase=passphrase, key_file=key_file)
    journal = Journal(home.journal, keyring, now=now)
    stored, network = journal.secret("identity"), journal.setting("network")
    if stored is None or network is None:
        raise KeyringUnreadable("This home was never finished. Make a new one.")
    content = cast("dict[str, Json]", json.loads(stored.reveal()))
    return OpenHome(home, journal, Identity.restore(content), Network(network))


def look_into(directory: Path, *, now: Clock = utc_now) -> Journal:
    """The journal without its secrets. Raises ``HomeUnsafe``, ``KeyringUnreadable``."""
    home = Home(directory)
    if not home.journal.exists():
        raise KeyringUnreadable("There is no agent here. Make one with `tripartite agent init`.")
    _check_directory(directory)
    return Journal(home.journal, LockedKeyring(), now=now)


def public_identity(journal: Journal) -> PublicIdentity:
    """The public half of this home's identity."""
    return PublicIdentity.from_json(json.loads(journal.setting("public_identity") or "{}"))


def _check_directory(directory: Path) -> None:
    if directory.stat().st_mode & 0o077:
        raise HomeUnsafe(f"Others can look into {directory}: chmod 700 it.")
