"""Which wallet belongs to which attempt, which steps were begun, which payouts were signed.

Wallet files are never deleted: one that is in doubt is set aside, its password kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from tripartite.agent.journal import Journal
from tripartite.agent.wallets.records import SignedPayout, WalletRef
from tripartite.domain.secrets import Secret


class Phase(StrEnum):
    """In which part of an escrow a step that can't be repeated stands."""

    KEY_EXCHANGE = "key_exchange"
    PAYOUT = "payout"


@dataclass(frozen=True, slots=True)
class Mark:
    """A step that was begun. Unfinished ones leave a wallet in doubt."""

    run_id: str
    finished: bool


class WalletBook:
    """The journal's tables about wallets. ``run_id`` tells this process from earlier ones."""

    def __init__(self, journal: Journal, *, run_id: str) -> None:
        self._journal = journal
        self.run_id = run_id

    # Wallets

    def note(self, ref: WalletRef) -> None:
        """Store a wallet that is about to be made: a password comes before its wallet."""
        sealed = self._journal.keyring.seal(
            ref.password, table="wallets", column="sealed", key=ref.name
        )
        self._journal.write(
            "INSERT INTO wallets (name, sealed, state, made_at) VALUES (?, ?, 'making', ?)",
            (ref.name, sealed, self._journal.stamp()),
        )

    def made(self, name: str) -> None:
        """It exists now, fresh and unassigned."""
        self._journal.write(
            "UPDATE wallets SET state = 'prepared' WHERE name = ? AND state = 'making'", (name,)
        )

    def prepared(self) -> list[str]:
        """Fresh wallets waiting for an escrow, the oldest first."""
        found = self._journal.rows(
            "SELECT name FROM wallets WHERE state = 'prepared' ORDER BY made_at, name"
        )
        return [cast("str", row[0]) for row in found]

    def ref(self, name: str) -> WalletRef:
        """A stored wallet. Raises ``SealedValueMoved``."""
        ((sealed,),) = self._journal.rows("SELECT sealed FROM wallets WHERE name = ?", (name,))
        password: Secret = self._journal.keyring.open(
            cast("bytes", sealed), table="wallets", column="sealed", key=name
        )
        return WalletRef(name, password)

    def assigned(self, escrow_id: str, attempt: int) -> WalletRef | None:
        """The wallet of this attempt."""
        found = self._journal.rows(
            "SELECT name FROM wallets WHERE escrow_id = ? AND attempt = ? AND state = 'assigned'",
            (escrow_id, attempt),
        )
        return self.ref(cast("str", found[0][0])) if found else None

    def assign(self, name: str, escrow_id: str, attempt: int) -> bool:
        """Give a prepared wallet to an attempt; False if somebody else has taken it."""
        with self._journal.commit():
            taken = self._journal.write(
                "UPDATE wallets SET state = 'assigned', escrow_id = ?, attempt = ?"
                " WHERE name = ? AND state = 'prepared'",
                (escrow_id, attempt, name),
            )
            self._journal.write(
                "UPDATE wallets SET state = 'set_aside'"
                " WHERE escrow_id = ? AND attempt < ? AND state = 'assigned'",
                (escrow_id, attempt),
            )
        return taken == 1

    def set_aside(self, escrow_id: str, attempt: int) -> None:
        """Never use the wallet of this attempt again."""
        self._journal.write(
            "UPDATE wallets SET state = 'set_aside' WHERE escrow_id = ? AND attempt = ?",
            (escrow_id, attempt),
        )

    def forget_half_made(self) -> None:
        """Wallets whose making was interrupted may be anything: set them aside."""
        self._journal.write("UPDATE wallets SET state = 'set_aside' WHERE state = 'making'")

    def set_aside_prepared(self) -> None:
        """Fresh wallets that no escrow took, once each escrow has wallets in a place of its own."""
        self._journal.write("UPDATE wallets SET state = 'set_aside' WHERE state = 'prepared'")

    def note_address(self, name: str, address: str) -> None:
        """The multisig address that the finished wallet shows."""
        self._journal.write("UPDATE wallets SET address = ? WHERE name = ?", (address, name))

    def address(self, escrow_id: str, attempt: int) -> str | None:
        """The address this agent's own wallet showed for an attempt."""
        found = self._journal.rows(
            "SELECT address FROM wallets WHERE escrow_id = ? AND attempt = ?"
            " AND state = 'assigned'",
            (escrow_id, attempt),
        )
        return cast("str | None", found[0][0]) if found else None

    # Marks

    def mark(self, escrow_id: str, phase: Phase, attempt: int, step: int) -> Mark | None:
        """Whether a step was begun, and ended."""
        found = self._journal.rows(
            "SELECT run_id, finished FROM marks"
            " WHERE escrow_id = ? AND phase = ? AND attempt = ? AND step = ?",
            (escrow_id, phase.value, attempt, step),
        )
        return Mark(cast("str", found[0][0]), bool(found[0][1])) if found else None

    def start(
        self, escrow_id: str, phase: Phase, attempt: int, step: int, *, synced: bool = True
    ) -> None:
        """A step begins: say so before the wallet hears of it.

        ``synced=False`` outlives a killed process, but not a power cut.
        """
        with self._journal.commit(synced=synced):
            self._journal.write(
                "INSERT OR REPLACE INTO marks"
                " (escrow_id, phase, attempt, step, run_id, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                (escrow_id, phase.value, attempt, step, self.run_id, self._journal.stamp()),
            )

    def finish(self, escrow_id: str, phase: Phase, attempt: int, step: int) -> None:
        """A step is done; store this together with its result."""
        self._journal.write(
            "UPDATE marks SET finished = 1"
            " WHERE escrow_id = ? AND phase = ? AND attempt = ? AND step = ?",
            (escrow_id, phase.value, attempt, step),
        )

    def unmark(self, escrow_id: str, phase: Phase, attempt: int, step: int) -> None:
        """The step turned out not to have begun."""
        self._journal.write(
            "DELETE FROM marks WHERE escrow_id = ? AND phase = ? AND attempt = ? AND step = ?",
            (escrow_id, phase.value, attempt, step),
        )

    # Signed payouts

    def save_payout(self, escrow_id: str, attempt: int, signed: SignedPayout) -> None:
        """Store a signed payout: before it is submitted, and again once its bytes are known."""
        key = f"{escrow_id}/{attempt}"
        sealed = self._journal.keyring.seal(
            Secret(json.dumps({"txset": signed.txset, "fee": signed.fee})),
            table="payouts",
            column="sealed",
            key=key,
        )
        self._journal.write(
            "INSERT OR REPLACE INTO payouts VALUES (?, ?, ?, ?, ?, ?)",
            (escrow_id, attempt, signed.txid, sealed, signed.tx_hex, self._journal.stamp()),
        )

    def signed_txids(self, escrow_id: str) -> tuple[str, ...]:
        """The payouts that were ever signed here for an escrow."""
        found = self._journal.rows(
            "SELECT txid FROM payouts WHERE escrow_id = ? ORDER BY attempt", (escrow_id,)
        )
        return tuple(cast("str", row[0]) for row in found)

    def signed(self, escrow_id: str, attempt: int) -> str | None:
        """The transaction id of the payout signed in this attempt; needs no key."""
        found = self._journal.rows(
            "SELECT txid FROM payouts WHERE escrow_id = ? AND attempt = ?", (escrow_id, attempt)
        )
        return cast("str", found[0][0]) if found else None

    def payout(self, escrow_id: str, attempt: int) -> SignedPayout | None:
        """The payout signed in this attempt."""
        found = self._journal.rows(
            "SELECT txid, sealed, tx_hex FROM payouts WHERE escrow_id = ? AND attempt = ?",
            (escrow_id, attempt),
        )
        if not found:
            return None
        txid, sealed, tx_hex = cast("tuple[str, bytes, str | None]", found[0])
        plain = self._journal.keyring.open(
            sealed, table="payouts", column="sealed", key=f"{escrow_id}/{attempt}"
        )
        content = json.loads(plain.reveal())
        return SignedPayout(content["txset"], txid, content["fee"], tx_hex)
