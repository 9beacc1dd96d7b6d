"""The agent's journal: what was said to it, what it said, and how far it is. SQLite.

Everything an agent says is in here before it leaves. Writes that belong together happen inside one
``with journal.commit():``; each commit is one fsync (``synchronous=FULL``). Only what the
coordinator can give again is committed without one (``synced=False``): in SQLite's log every fsync
takes all earlier commits along, so it is on the disk before anything is said, or begun with a
wallet, because of it. After a power cut a journal may lack the last things it heard, never
anything that it said or that it answered to.

Past 400 lines because one table of rows and its writers belong in one place to be audited.

One connection, one lock: the work is in the wallets, not here. The command line writes to the same
file from its own process (decisions and contacts only).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, cast

from tripartite.agent.keyring import Keyring, LockedKeyring
from tripartite.agent.schema import migrate
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol import snapshot
from tripartite.protocol.envelope import Kind, Message
from tripartite.protocol.record import Record

_BUSY_SECONDS: Final = 15.0


class Clock(Protocol):
    """What time it is, aware UTC."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why this agent does nothing for an escrow until its human has looked."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class StoredCase:
    """An escrow as the journal has it. ``names`` are the accounts of the three, once known."""

    escrow_id: str
    role: Role
    position: int
    record: Record
    names: Mapping[Role, str]
    frozen: Freeze | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An own message. Unanswered while both ``position`` and ``refusal`` are None."""

    escrow_id: str
    seq: int
    kind: Kind
    digest: str
    text: str
    position: int | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must hear about."""

    escrow_id: str
    position: int | None
    code: str
    detail: str
    at: str


# Our own storage, which nobody hashes: no need for the protocol's one spelling.
_compact: Final = json.JSONEncoder(separators=(",", ":")).encode

_OUTGOING: Final = "escrow_id, seq, kind, digest, text, position, refusal"


class Journal:
    """Open it once per process. Safe to share between threads."""

    def __init__(self, path: Path, keyring: Keyring | LockedKeyring, *, now: Clock) -> None:
        """Open or make the journal at ``path``. Raises ``JournalTooNew``."""
        self._now = now
        self._lock = threading.RLock()
        self._depth = 0
        self._synced = True
        self.keyring = keyring
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        migrate(self._connection)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def commit(self, *, synced: bool = True) -> Iterator[None]:
        """Everything inside is stored, or nothing. Inner ones join the outermost.

        ``synced=False`` is for what can be had again: a power cut may take it back, up to the next
        synced commit.
        """
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                if synced is not self._synced:
                    level = "FULL" if synced else "NORMAL"
                    self._connection.execute(f"PRAGMA synchronous = {level}")
                    self._synced = synced
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._connection.execute("COMMIT")

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement inside the present or an own commit; how many rows it touched."""
        with self.commit():
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def sync(self) -> None:
        """Have all earlier commits on the disk: any synced write takes them along."""
        self.set_setting("synced_at", self.stamp())

    def stamp(self) -> str:
        """Now, as it is stored."""
        return self._now().isoformat()

    def snapshot(self) -> bytes:
        """The whole journal as one SQLite file, as it stood at one moment."""
        with sqlite3.connect(":memory:") as copy:
            with self._lock:
                self._connection.backup(copy)
            content = copy.serialize()
        copy.close()
        return content

    # Settings

    def setting(self, name: str) -> str | None:
        """A stored setting."""
        found = self.rows("SELECT value FROM settings WHERE name = ?", (name,))
        return cast("str | None", found[0][0]) if found else None

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        self.write("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    def secret(self, name: str) -> Secret | None:
        """A stored secret. Raises ``SealedValueMoved``."""
        found = self.rows("SELECT sealed FROM settings WHERE name = ?", (name,))
        if not found or found[0][0] is None:
            return None
        return self.keyring.open(
            cast("bytes", found[0][0]), table="settings", column="sealed", key=name
        )

    def set_secret(self, name: str, secret: Secret) -> None:
        """Store a secret, sealed."""
        sealed = self.keyring.seal(secret, table="settings", column="sealed", key=name)
        self.write("INSERT OR REPLACE INTO settings (name, sealed) VALUES (?, ?)", (name, sealed))

    # Escrows

    def case(self, escrow_id: str) -> StoredCase | None:
        """One escrow."""
        found = self.rows(
            "SELECT escrow_id, role, position, snapshot, names, frozen, frozen_detail"
            " FROM escrows WHERE escrow_id = ?",
            (escrow_id,),
        )
        return _case(found[0]) if found else None

    def cases(self) -> Iterator[StoredCase]:
        """All escrows, the latest changed first."""
        found = self.rows(
            "SELECT escrow_id, role, position, snapshot, names, frozen, frozen_detail"
            " FROM escrows ORDER BY changed_at DESC"
        )
        return (_case(row) for row in found)

    def escrows_at_work(self, *, closed: Iterable[State], resting: Iterable[State]) -> list[str]:
        """Escrows in which something may have to be done, the frozen ones left out.

        ``resting`` are states in which an arbiter has nothing to do.
        """
        ended, quiet = [one.value for one in closed], [one.value for one in resting]
        found = self.rows(
            "SELECT escrow_id FROM escrows WHERE frozen IS NULL"  # noqa: S608 — only placeholders are put in
            f" AND state NOT IN ({_places(ended)})"
            f" AND NOT (role = ? AND state IN ({_places(quiet)}))",
            [*ended, Role.ARBITER.value, *quiet],
        )
        return [cast("str", row[0]) for row in found]

    def save_case(self, record: Record, *, role: Role, position: int) -> None:
        """Store where an escrow stands."""
        self.write(
            "INSERT INTO escrows (escrow_id, role, position, state, snapshot, changed_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (escrow_id) DO UPDATE SET"
            " position = excluded.position, state = excluded.state,"
            " snapshot = excluded.snapshot, changed_at = excluded.changed_at",
            (
                record.escrow_id,
                role.value,
                position,
                record.state.value,
                _compact(snapshot.to_json(record)),
                self.stamp(),
            ),
        )

    def save_names(self, escrow_id: str, names: Mapping[Role, str]) -> None:
        """Store which accounts the coordinator says the parties have."""
        text = json.dumps({role.value: name for role, name in names.items()})
        self.write("UPDATE escrows SET names = ? WHERE escrow_id = ?", (text, escrow_id))

    def freeze(self, escrow_id: str, why: Freeze | None) -> None:
        """Stop working on an escrow, or (None) go on."""
        self.write(
            "UPDATE escrows SET frozen = ?, frozen_detail = ? WHERE escrow_id = ?",
            (why and why.code, why and why.detail, escrow_id),
        )

    def alarm(self, escrow_id: str, position: int | None, why: Freeze) -> None:
        """Remember something a person must hear about."""
        self.write(
            "INSERT INTO alarms (escrow_id, position, code, detail, at) VALUES (?, ?, ?, ?, ?)",
            (escrow_id, position, why.code, why.detail, self.stamp()),
        )

    def alarms(self, *, limit: int = 50) -> list[Alarm]:
        """The latest alarms, the newest first."""
        found = self.rows(
            "SELECT escrow_id, position, code, detail, at FROM alarms ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [Alarm(*cast("tuple[str, int | None, str, str, str]", row)) for row in found]

    # Messages

    def save_message(self, message: Message, *, position: int) -> None:
        """Store an admitted message."""
        self.write(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.escrow_id,
                position,
                message.digest,
                message.role.value,
                message.kind.value,
                message.attempt,
                message.round,
                message.text,
                self.stamp(),
            ),
        )

    def forget_messages(self, escrow_id: str) -> None:
        """Make room for the same messages in another order."""
        self.write("DELETE FROM messages WHERE escrow_id = ?", (escrow_id,))

    def texts(self, escrow_id: str) -> list[str]:
        """All messages on record, in order."""
        found = self.rows(
            "SELECT text FROM messages WHERE escrow_id = ? ORDER BY position", (escrow_id,)
        )
        return [cast("str", row[0]) for row in found]

    def texts_of(self, escrow_id: str, kind: Kind) -> list[str]:
        """All messages of one kind, in order."""
        found = self.rows(
            "SELECT text FROM messages WHERE escrow_id = ? AND kind = ? ORDER BY position",
            (escrow_id, kind.value),
        )
        return [cast("str", row[0]) for row in found]

    def heard(self, escrow_id: str, kinds: Sequence[Kind]) -> list[tuple[str, str]]:
        """All messages of these kinds in order, each with the time at which it arrived here."""
        found = self.rows(
            "SELECT text, coalesce(heard_at, '') FROM messages"  # noqa: S608 — only placeholders are put in
            f" WHERE escrow_id = ? AND kind IN ({_places(kinds)}) ORDER BY position",
            (escrow_id, *(kind.value for kind in kinds)),
        )
        return [cast("tuple[str, str]", row) for row in found]

    def text_of(self, escrow_id: str, digest: str) -> str | None:
        """The message with this digest."""
        found = self.rows(
            "SELECT text FROM messages WHERE escrow_id = ? AND digest = ?", (escrow_id, digest)
        )
        return cast("str", found[0][0]) if found else None

    def said(self, escrow_id: str, kind: Kind, role: Role) -> str | None:
        """The latest message of this kind by this role."""
        found = self.rows(
            "SELECT text FROM messages WHERE escrow_id = ? AND kind = ? AND role = ?"
            " ORDER BY position DESC LIMIT 1",
            (escrow_id, kind.value, role.value),
        )
        return cast("str", found[0][0]) if found else None

    # Outbox

    def save_outgoing(self, message: Message) -> None:
        """Store an own message before it leaves."""
        self.write(
            "INSERT INTO outbox"
            " (escrow_id, seq, prev, kind, attempt, round, digest, text, written_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.escrow_id,
                message.seq,
                message.prev,
                message.kind.value,
                message.attempt,
                message.round,
                message.digest,
                message.text,
                self.stamp(),
            ),
        )

    def adopt(self, message: Message) -> None:
        """Take a message on record for an own one, written before this journal was restored."""
        with self.commit():
            self.save_outgoing(message)
            self.write(
                "UPDATE outbox SET written_at = '' WHERE escrow_id = ? AND seq = ?",
                (message.escrow_id, message.seq),
            )

    def last_seq(self, escrow_id: str) -> int:
        """The highest number used so far, refused messages included."""
        found = self.rows("SELECT max(seq) FROM outbox WHERE escrow_id = ?", (escrow_id,))
        return cast("int | None", found[0][0]) or 0

    def unanswered(self, escrow_id: str) -> Outgoing | None:
        """The one message of this escrow that the coordinator hasn't answered."""
        found = self.rows(
            f"SELECT {_OUTGOING} FROM outbox WHERE escrow_id = ?"  # noqa: S608 — a constant list of columns
            " AND position IS NULL AND refusal IS NULL ORDER BY seq LIMIT 1",
            (escrow_id,),
        )
        return _outgoing(found[0]) if found else None

    def escrows_with_unanswered(self) -> list[str]:
        """Where something is waiting to be said."""
        found = self.rows(
            "SELECT DISTINCT escrow_id FROM outbox WHERE position IS NULL AND refusal IS NULL"
        )
        return [cast("str", row[0]) for row in found]

    def outgoing(self, escrow_id: str, digest: str) -> Outgoing | None:
        """An own message by its digest."""
        found = self.rows(
            f"SELECT {_OUTGOING} FROM outbox WHERE escrow_id = ? AND digest = ?",  # noqa: S608 — a constant list of columns
            (escrow_id, digest),
        )
        return _outgoing(found[0]) if found else None

    def answer(
        self, escrow_id: str, seq: int, *, position: int | None = None, refusal: str | None = None
    ) -> None:
        """Note the coordinator's answer."""
        self.write(
            "UPDATE outbox SET position = coalesce(?, position), refusal = ?"
            " WHERE escrow_id = ? AND seq = ?",
            (position, refusal, escrow_id, seq),
        )


def _places(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _case(row: Sequence[object]) -> StoredCase:
    escrow_id, role, position, stored, names, frozen, detail = cast(
        "tuple[str, str, int, str, str | None, str | None, str | None]", tuple(row)
    )
    return StoredCase(
        escrow_id=escrow_id,
        role=Role(role),
        position=position,
        record=snapshot.from_json(json.loads(stored)),
        names={Role(r): name for r, name in json.loads(names or "{}").items()},
        frozen=None if frozen is None else Freeze(frozen, detail or ""),
    )


def _outgoing(row: Sequence[object]) -> Outgoing:
    escrow_id, seq, kind, digest, text, position, refusal = cast(
        "tuple[str, int, str, str, str, int | None, str | None]", tuple(row)
    )
    return Outgoing(escrow_id, seq, Kind(kind), digest, text, position, refusal)
