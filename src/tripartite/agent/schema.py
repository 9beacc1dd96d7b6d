"""The journal's tables, as numbered migrations. Never change one that was released; add another."""

from __future__ import annotations

import sqlite3
from typing import ClassVar, Final

from tripartite.domain.errors import Refused


class JournalTooNew(Refused):
    """A newer version of Tripartite wrote this journal."""

    code: ClassVar[str] = "journal_too_new"


# Columns named "sealed" hold what ``keyring`` sealed; everything else is readable by whoever can
# read the file, which has nobody's secrets in it (but says who trades with whom: keep it private).
MIGRATIONS: Final = (
    """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT,
        sealed BLOB
    ) STRICT;

    -- One row per escrow: the record folded up to "position". "frozen" stops this agent.
    CREATE TABLE escrows (
        escrow_id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        position INTEGER NOT NULL,
        state TEXT NOT NULL,
        snapshot TEXT NOT NULL,
        names TEXT,
        frozen TEXT,
        frozen_detail TEXT,
        changed_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX escrows_state ON escrows (state);

    -- What arrived, own words included, in the coordinator's order.
    CREATE TABLE messages (
        escrow_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        digest TEXT NOT NULL,
        role TEXT NOT NULL,
        kind TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        round INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (escrow_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX messages_place ON messages (escrow_id, kind, attempt, round, role);

    -- Everything this agent says, before it leaves. Answered: a position or a refusal.
    CREATE TABLE outbox (
        escrow_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        prev TEXT,
        kind TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        round INTEGER NOT NULL,
        digest TEXT NOT NULL,
        text TEXT NOT NULL,
        written_at TEXT NOT NULL,
        position INTEGER,
        refusal TEXT,
        PRIMARY KEY (escrow_id, seq)
    ) STRICT;
    CREATE INDEX outbox_unanswered ON outbox (escrow_id, seq)
        WHERE position IS NULL AND refusal IS NULL;
    CREATE INDEX outbox_digest ON outbox (escrow_id, digest);

    -- What a person decided on this machine, to be said by the running agent.
    CREATE TABLE intents (
        id INTEGER PRIMARY KEY,
        escrow_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        sealed BLOB NOT NULL,
        decided_at TEXT NOT NULL,
        outcome TEXT
    ) STRICT;
    CREATE INDEX intents_open ON intents (escrow_id) WHERE outcome IS NULL;

    -- The sealed part of the terms that this party gave.
    CREATE TABLE own_parts (
        escrow_id TEXT PRIMARY KEY,
        sealed BLOB NOT NULL
    ) STRICT;

    CREATE TABLE wallets (
        name TEXT PRIMARY KEY,
        sealed BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('making', 'prepared', 'assigned', 'set_aside')),
        escrow_id TEXT,
        attempt INTEGER,
        address TEXT,
        made_at TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX wallets_assigned ON wallets (escrow_id, attempt) WHERE state = 'assigned';
    CREATE INDEX wallets_state ON wallets (state);

    -- Steps that can't be taken twice: marked before the call, finished with its result.
    CREATE TABLE marks (
        escrow_id TEXT NOT NULL,
        phase TEXT NOT NULL CHECK (phase IN ('key_exchange', 'payout')),
        attempt INTEGER NOT NULL,
        step INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (escrow_id, phase, attempt, step)
    ) STRICT, WITHOUT ROWID;

    -- Signed payouts, stored before they are submitted.
    CREATE TABLE payouts (
        escrow_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        txid TEXT NOT NULL,
        sealed BLOB NOT NULL,
        tx_hex TEXT,
        signed_at TEXT NOT NULL,
        PRIMARY KEY (escrow_id, attempt)
    ) STRICT;

    CREATE TABLE contacts (
        account TEXT PRIMARY KEY,
        sign TEXT NOT NULL,
        seal TEXT NOT NULL,
        first_seen TEXT NOT NULL,
        verified TEXT NOT NULL CHECK (verified IN ('first_use', 'fingerprint'))
    ) STRICT;

    -- What the coordinator forwarded and this agent wouldn't take.
    CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        escrow_id TEXT NOT NULL,
        position INTEGER,
        code TEXT NOT NULL,
        detail TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    """,
    """
    -- When a message arrived here, for people; null for those from before this version.
    ALTER TABLE messages ADD COLUMN heard_at TEXT;
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the journal to this version's form, each step in one transaction.

    Raises ``JournalTooNew``.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise JournalTooNew("Update Tripartite, or use the home that belongs to this version.")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {number};COMMIT;")
