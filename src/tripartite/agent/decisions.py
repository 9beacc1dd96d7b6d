"""What the human decided on this machine: contacts to trust, and words to be said.

A decision is written here by the command line, sealed under the home's key: whoever can write the
journal's file but doesn't hold the key can't decide anything. The running agent says it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, cast

from tripartite.agent.journal import Journal
from tripartite.domain.errors import Tampered
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import PublicIdentity


class ContactKeyChanged(Tampered):
    """A known contact appears with another identity key."""

    code: ClassVar[str] = "contact_key_changed"


class Decision(StrEnum):
    """What can be decided."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    RELEASE = "release"
    REFUND = "refund"
    CANCEL = "cancel"
    SETTLE = "settle"
    AGREE = "agree"
    DISPUTE = "dispute"
    STATE = "state"
    EVIDENCE = "evidence"
    RULE = "rule"
    CARRY_OUT = "carry_out"
    """Agree to a ruling that this party signs with the arbiter. Stays at home: nothing is said."""
    RESUME = "resume"


class Verified(StrEnum):
    """How a contact's key was checked."""

    FIRST_USE = "first_use"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True)
class Intent:
    """One decision. ``outcome`` is None until the agent has said it, then ``done`` or a code."""

    id: int
    escrow_id: str
    decision: Decision
    content: Mapping[str, Json]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """An account whose identity is pinned."""

    account: str
    identity: PublicIdentity
    verified: Verified


@dataclass(frozen=True, slots=True)
class OwnPart:
    """The sealed part of the terms that this party gave."""

    address: str
    subject: str | None
    salt: str


DONE = "done"


class Decisions:
    """The journal's tables about decisions."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    # Contacts

    def contact(self, account: str) -> Contact | None:
        """A known contact."""
        found = self._journal.rows(
            "SELECT account, sign, seal, verified FROM contacts WHERE account = ?", (account,)
        )
        if not found:
            return None
        name, sign, seal, verified = cast("tuple[str, str, str, str]", found[0])
        return Contact(name, PublicIdentity(sign, seal), Verified(verified))

    def contact_with(self, identity: PublicIdentity) -> Contact | None:
        """The contact that has this identity."""
        found = self._journal.rows(
            "SELECT account FROM contacts WHERE sign = ? AND seal = ?",
            (identity.sign, identity.seal),
        )
        return self.contact(cast("str", found[0][0])) if found else None

    def check(self, account: str, identity: PublicIdentity) -> Contact | None:
        """The contact, if it is known; None if it is new.

        Raises:
            ContactKeyChanged: the name has another key, or the key another name.
        """
        known = self.contact(account)
        if known is not None and known.identity != identity:
            raise ContactKeyChanged(
                f"{account} was {known.identity.fingerprint} and now appears as "
                f"{identity.fingerprint}. Ask {account} in person before anything else."
            )
        same = self.contact_with(identity)
        if same is not None and same.account != account:
            raise ContactKeyChanged(
                f"The key of {same.account} ({identity.fingerprint}) now appears under the name "
                f"{account}. Ask {same.account} in person before anything else."
            )
        return known

    def pin(self, account: str, identity: PublicIdentity, verified: Verified) -> None:
        """Remember a contact's identity. Raises ``ContactKeyChanged``."""
        with self._journal.commit():
            known = self.check(account, identity)
            if known is not None and known.verified is Verified.FINGERPRINT:
                return
            self._journal.write(
                "INSERT INTO contacts (account, sign, seal, first_seen, verified)"
                " VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (account) DO UPDATE SET verified = excluded.verified",
                (account, identity.sign, identity.seal, self._journal.stamp(), verified.value),
            )

    # Decisions

    def decide(self, escrow_id: str, decision: Decision, content: Mapping[str, Json]) -> int:
        """Store a decision; its id."""
        with self._journal.commit():
            self._journal.write(
                "INSERT INTO intents (escrow_id, kind, sealed, decided_at) VALUES (?, ?, x'', ?)",
                (escrow_id, decision.value, self._journal.stamp()),
            )
            ((number,),) = self._journal.rows("SELECT last_insert_rowid()")
            sealed = self._journal.keyring.seal(
                Secret(json.dumps(dict(content))),
                table="intents",
                column="sealed",
                key=_place(cast("int", number), escrow_id, decision),
            )
            self._journal.write("UPDATE intents SET sealed = ? WHERE id = ?", (sealed, number))
        return cast("int", number)

    def next_intent(self, escrow_id: str, *, frozen: bool = False) -> Intent | None:
        """The oldest decision of this escrow that hasn't been said.

        While the escrow is ``frozen`` only the decision to resume counts; the others wait.
        Raises ``SealedValueMoved``.
        """
        wanted = [Decision.RESUME.value] if frozen else [one.value for one in Decision]
        found = self._journal.rows(
            "SELECT id FROM intents WHERE escrow_id = ? AND outcome IS NULL"  # noqa: S608 — only placeholders are put in
            f" AND kind IN ({','.join('?' * len(wanted))}) ORDER BY id LIMIT 1",
            (escrow_id, *wanted),
        )
        return self.intent(cast("int", found[0][0])) if found else None

    def intent(self, number: int) -> Intent:
        """A decision by its id."""
        ((escrow_id, kind, sealed, outcome),) = cast(
            "list[tuple[str, str, bytes, str | None]]",
            self._journal.rows(
                "SELECT escrow_id, kind, sealed, outcome FROM intents WHERE id = ?", (number,)
            ),
        )
        decision = Decision(kind)
        plain = self._journal.keyring.open(
            sealed,
            table="intents",
            column="sealed",
            key=_place(number, escrow_id, decision),
        )
        return Intent(number, escrow_id, decision, json.loads(plain.reveal()), outcome)

    def intents(self, escrow_id: str, *kinds: Decision) -> list[Intent]:
        """Everything of these kinds that was ever decided about an escrow, the oldest first."""
        places = ",".join("?" * len(kinds))
        found = self._journal.rows(
            f"SELECT id FROM intents WHERE escrow_id = ? AND kind IN ({places}) ORDER BY id",  # noqa: S608 — only placeholders are put in
            (escrow_id, *(kind.value for kind in kinds)),
        )
        return [self.intent(cast("int", row[0])) for row in found]

    def carries_out(self, escrow_id: str, ruling: str) -> bool:
        """Whether the human agreed to carry out the ruling with this digest."""
        decided = self.intents(escrow_id, Decision.CARRY_OUT)
        return any(one.outcome == DONE and one.content.get("ruling") == ruling for one in decided)

    def escrows_with_intents(self) -> list[str]:
        """Where something was decided and not yet said."""
        found = self._journal.rows("SELECT DISTINCT escrow_id FROM intents WHERE outcome IS NULL")
        return [cast("str", row[0]) for row in found]

    def settle(self, number: int, outcome: str = DONE) -> None:
        """A decision was said, or couldn't be (``outcome`` is the error's code)."""
        self._journal.write("UPDATE intents SET outcome = ? WHERE id = ?", (outcome, number))

    # Own part of the terms

    def save_own_part(self, escrow_id: str, part: OwnPart) -> None:
        """Store what this party put into the terms."""
        content = {"address": part.address, "subject": part.subject, "salt": part.salt}
        sealed = self._journal.keyring.seal(
            Secret(json.dumps(content)), table="own_parts", column="sealed", key=escrow_id
        )
        self._journal.write("INSERT OR REPLACE INTO own_parts VALUES (?, ?)", (escrow_id, sealed))

    def own_part(self, escrow_id: str) -> OwnPart | None:
        """What this party put into the terms."""
        found = self._journal.rows("SELECT sealed FROM own_parts WHERE escrow_id = ?", (escrow_id,))
        if not found:
            return None
        plain = self._journal.keyring.open(
            cast("bytes", found[0][0]), table="own_parts", column="sealed", key=escrow_id
        )
        return OwnPart(**json.loads(plain.reveal()))


def _place(number: int, escrow_id: str, decision: Decision) -> str:
    """Binds a sealed decision to its row, its escrow and its kind."""
    return f"{number}/{escrow_id}/{decision.value}"
