"""Judging the database and what stands in it: tables, accounts, backups, the event log, limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tripartite.coordinator.doctor.facts import DatabaseFacts, Facts, Faulty, Unknown
from tripartite.coordinator.doctor.report import LOOK_AGAIN, Check, Finding, Verdict
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Network

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN

# As in deploy/prometheus/tripartite-alerts.yml: BackupTooOld, AuditCheckOverdue.
OLD_BACKUP: Final = timedelta(days=2)
OLD_CHECK: Final = timedelta(days=3)

# PostgreSQL maintains 15 until November 2027; nothing older is tested.
_OLDEST_POSTGRESQL: Final = (15,)


def judge_database(seen: DatabaseFacts | Faulty | Unknown) -> Iterator[Finding]:
    """Its kind, its version and its tables."""
    match seen:
        case Unknown(why):
            yield Finding(Check.DATABASE, UNKNOWN, f"The database: {why}.", LOOK_AGAIN)
        case Faulty(why):
            yield Finding(Check.DATABASE, BAD, "There is no usable database.", why)
        case DatabaseFacts(engine=engine, version=version, migrated=migrated):
            named = f"{_ENGINES.get(engine, engine)} {'.'.join(map(str, version))}"
            yield from _engine(engine, version, named)
            if not migrated:
                yield Finding(
                    Check.DATABASE,
                    BAD,
                    "Its tables are those of another version.",
                    "Run `tripartite serve --migrate-only` once.",
                )


_ENGINES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _engine(engine: str, version: tuple[int, ...], named: str) -> Iterator[Finding]:
    if engine == "postgresql" and version < _OLDEST_POSTGRESQL:
        yield Finding(
            Check.DATABASE, BAD, f"{named} is too old.", "Upgrade to PostgreSQL 15 or newer."
        )
    elif engine == "sqlite" and not _wal_reset_is_safe(version):
        yield Finding(
            Check.DATABASE,
            WEAK,
            f"{named} can in rare cases lose a commit when two connections meet at a checkpoint "
            "(sqlite.org/wal.html, the WAL-reset bug), unless your distribution has mended it.",
            "Upgrade to SQLite 3.51.3 or newer, or use PostgreSQL.",
        )
    else:
        yield Finding(Check.DATABASE, GOOD, f"{named} answers.")


def _wal_reset_is_safe(version: tuple[int, ...]) -> bool:
    """Fixed in 3.51.3, and brought back to 3.50.7 and 3.44.6."""
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51)
        or (3, 44, 6)
        <= version
        < (
            3,
            45,
        )
    )


def judge_working(working: bool | Unknown) -> Iterator[Finding]:
    """Whether anybody does background work."""
    match working:
        case Unknown(why):
            yield Finding(Check.WORK, UNKNOWN, f"Background work: {why}.", LOOK_AGAIN)
        case True:
            yield Finding(Check.WORK, GOOD, "Background work is being done.")
        case False:
            yield Finding(
                Check.WORK,
                BAD,
                "No process does background work: no payout is confirmed, no alarm raised.",
                "Start `tripartite serve`, or one with `--only work`.",
            )


def judge_keyring(keyring: str | Unknown) -> Iterator[Finding]:
    """Whether what is sealed in the database can be opened."""
    match keyring:
        case Unknown(why):
            yield Finding(Check.KEYRING, UNKNOWN, f"The keyring file: {why}.", LOOK_AGAIN)
        case "":
            yield Finding(Check.KEYRING, GOOD, "The keyring file opens whatever is sealed.")
        case trouble:
            yield Finding(
                Check.KEYRING,
                BAD,
                "Secrets in the database can't be opened: nobody signs in with an app or a "
                "recovery code, and no registered wallet RPC is reached.",
                trouble,
            )


def judge_officers(facts: Facts) -> Iterator[Finding]:
    """The second factors of those who could do harm."""
    officers = facts.officers
    if isinstance(officers, Unknown):
        yield Finding(Check.SECOND_FACTORS, UNKNOWN, f"Accounts: {officers.why}.", LOOK_AGAIN)
        return
    lacking = [one for one in officers if not one.second_factor]
    for one in lacking:
        word = "admin" if one.is_admin else "arbiter"
        yield Finding(
            Check.SECOND_FACTORS,
            BAD,
            f"{one.name} is an {word} without a second factor: whoever has the password sets one.",
            f"Let them sign in and set it up, or `tripartite admin revoke {one.name} {word}`.",
        )
    if not any(one.is_admin for one in officers):
        yield Finding(
            Check.SECOND_FACTORS,
            BAD,
            "There is no admin: nobody takes up a stuck escrow.",
            "`tripartite admin create NAME`, then sign in and set up a second factor.",
        )
    elif not lacking:
        yield Finding(
            Check.SECOND_FACTORS, GOOD, f"All {len(officers)} admins and arbiters have one."
        )


def judge_backup(facts: Facts) -> Iterator[Finding]:
    """How old the last one is."""
    todo = "Make one now, encrypted, and restore it once to see that it works."
    match facts.last_backup:
        case Unknown(why):
            yield Finding(Check.BACKUP, UNKNOWN, f"The last backup: {why}.", LOOK_AGAIN)
        case None:
            yield Finding(Check.BACKUP, BAD, "No backup on record.", todo)
        case made:
            age = facts.looked_at - made
            said = f"The last backup is {_words(age)} old."
            if age > OLD_BACKUP:
                yield Finding(Check.BACKUP, BAD, said, todo)
            else:
                yield Finding(Check.BACKUP, GOOD, said)


def judge_event_log(facts: Facts) -> Iterator[Finding]:
    """Whether it is what was written."""
    audit = facts.audit
    if isinstance(audit, Unknown):
        yield Finding(Check.EVENT_LOG, UNKNOWN, f"The event log: {audit.why}.", LOOK_AGAIN)
        return
    if audit.altered is not None:
        yield Finding(
            Check.EVENT_LOG,
            Verdict.TAMPERED,
            audit.altered,
            "Stop the coordinator, copy the database as it is, compare it with a backup.",
        )
    elif audit.events is not None:
        yield Finding(
            Check.EVENT_LOG,
            GOOD,
            f"Intact: {audit.events} events, {audit.hash}.",
        )
    elif audit.checked_seconds is None:
        yield Finding(
            Check.EVENT_LOG,
            UNKNOWN,
            "The running check has not seen the whole log yet.",
            "Run this without --quick, or `tripartite audit verify`.",
        )
    elif audit.checked_seconds > OLD_CHECK.total_seconds():
        yield Finding(
            Check.EVENT_LOG,
            WEAK,
            f"It was last seen whole {_words(timedelta(seconds=audit.checked_seconds))} ago.",
            "See that background work is done; `tripartite audit verify` checks it at once.",
        )
    else:
        yield Finding(
            Check.EVENT_LOG,
            GOOD,
            f"The running check saw it whole {_words(timedelta(seconds=audit.checked_seconds))} ago.",
        )


def judge_limits(network: Network, facts: Facts) -> Iterator[Finding]:
    """Whether launch limits are in force."""
    limits = facts.limits
    if isinstance(limits, Unknown):
        yield Finding(Check.LIMITS, UNKNOWN, f"Launch limits: {limits.why}.", LOOK_AGAIN)
        return
    missing = [
        name
        for name, value in (
            ("the amount of one escrow", limits.escrow_amount),
            ("the sum of all", limits.total_volume),
            ("escrows at once", limits.concurrent_escrows),
        )
        if value is None
    ]
    if missing:
        yield Finding(
            Check.LIMITS,
            BAD if network is Network.MAINNET else WEAK,
            f"No limit holds for {', '.join(missing)}.",
            "Start with limits, and raise them when you trust what you run.",
        )
        return
    assert limits.escrow_amount is not None
    assert limits.total_volume is not None
    yield Finding(
        Check.LIMITS,
        GOOD,
        f"{format_xmr(limits.escrow_amount)} XMR an escrow, {format_xmr(limits.total_volume)} XMR in all, "
        f"{limits.concurrent_escrows} at once.",
    )


def _words(length: timedelta) -> str:
    """``3 days``, ``5 hours``, ``12 minutes``: the largest unit that is at least one."""
    seconds = int(length.total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"
