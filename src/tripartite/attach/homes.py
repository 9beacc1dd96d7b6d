"""Where the operator keeps attached parties: an identity each, and a home for each of their escrows.

A home per escrow and role, as the lease is: whichever process holds the lease opens the home, and
the home's own file lock keeps a stopped process and its heir apart. All processes that may take
over from one another share this directory.

A trader's escrows that take over each other's money share the home of the first: an agent moves
money only to an address that its own wallet shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from tripartite.agent.home import Home, HomeExists, OpenHome, create_home, open_home
from tripartite.agent.keyring import KeyringUnreadable
from tripartite.domain.errors import Unavailable
from tripartite.domain.parties import Network, Role


class IdentityNotHere(Unavailable):
    """A party's identity isn't in this attach process's directory."""

    code: ClassVar[str] = "identity_not_here"


class Homes:
    """The directory of attach processes; for the operator's eyes only."""

    def __init__(self, directory: Path, network: Network) -> None:
        """Makes the directories."""
        self._network = network
        self._key = directory / "key"
        self._mark = directory / "mark"
        self._identities = directory / "identities"
        self._escrows = directory / "escrows"
        self.endpoints = directory / "endpoints"
        for place in (directory, self._identities, self._escrows, self.endpoints):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def require(self, account_id: int) -> None:
        """Return only if the account's identity was made here: a second one would be a stranger.

        Raises ``IdentityNotHere``.
        """
        if not self.has_identity(account_id):
            raise IdentityNotHere(
                "All attach processes of one database share one TRIPARTITE_ATTACH_DIR: name it, "
                "or put it back from a backup."
            )

    def has_identity(self, account_id: int) -> bool:
        """Whether the account's identity was made here."""
        return Home(self._identities / str(account_id)).keyring.exists()

    def mark(self) -> str:
        """What tells this directory from others: random, made once, whoever starts first."""
        if not self._mark.exists():
            drawn = self._mark.with_name(f"mark.{secrets.token_hex(8)}")
            drawn.write_text(secrets.token_hex(16), encoding="ascii")
            # A link is made whole or not at all, and never over another.
            with suppress(FileExistsError):
                self._mark.hardlink_to(drawn)
            drawn.unlink()
        return self._mark.read_text(encoding="ascii").strip()

    @contextmanager
    def identity(self, account_id: int) -> Iterator[OpenHome]:
        """The home that an account's identity was made in; made when it isn't there."""
        opened = self._open_or_make(self._identities / str(account_id))
        try:
            yield opened
        finally:
            opened.journal.close()

    def has(self, escrow_id: str, role: Role) -> bool:
        """Whether a home was made for this very escrow."""
        return Home(self._place(escrow_id, role)).keyring.exists()

    @contextmanager
    def escrow(self, account_id: int, escrow_id: str, role: Role) -> Iterator[OpenHome]:
        """A party's home for one escrow, held by this process alone. Raises ``AgentRunning``."""
        directory = self._place(escrow_id, role)
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        with Home(directory).running():
            with self.identity(account_id) as party:
                opened = self._open_or_make(directory, like=party)
            try:
                yield opened
            finally:
                opened.journal.close()

    def _place(self, escrow_id: str, role: Role) -> Path:
        return self._escrows / escrow_id[:2] / f"{escrow_id}-{role.value}"

    def _open_or_make(self, directory: Path, *, like: OpenHome | None = None) -> OpenHome:
        with suppress(KeyringUnreadable):
            return open_home(directory, key_file=self._key)
        with suppress(HomeExists):
            return create_home(
                directory,
                network=self._network,
                key_file=self._key,
                identity=None if like is None else like.identity,
            )
        return open_home(directory, key_file=self._key)
