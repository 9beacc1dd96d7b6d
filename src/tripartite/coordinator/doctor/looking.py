"""Looks at an installation and changes nothing: every answer is a fact, or ``Unknown``.

What can't be seen from here doesn't stop the rest from being looked at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from allauth.mfa.adapter import get_adapter
from django.core import checks as django_checks
from django.db import DatabaseError, connection
from django.db.models import Q

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.doctor import neighbours
from tripartite.coordinator.doctor.facts import (
    AuditFacts,
    DatabaseFacts,
    DiskFacts,
    Facts,
    Faulty,
    NodeFacts,
    OfficerFacts,
    SettingsFacts,
    Unknown,
)
from tripartite.coordinator.doctor.modes import look_at_files
from tripartite.coordinator.events import audit
from tripartite.coordinator.ops import health
from tripartite.coordinator.ops.metrics.facts import audit_state, backup_age
from tripartite.coordinator.rotating import keyring_trouble
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.custody import CustodyGuard
from tripartite.domain.errors import Refused, Unavailable
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.monerod import BlockHeader, Monerod, NodeInfo, NodeVersion
from tripartite.monero.versions import (
    VersionTooOld,
    VersionUnreadable,
    least_release,
    parse_version,
    require_supported_node,
)

_TIMEOUTS: Final = Timeouts(connect=5.0, light=10.0, heavy=10.0)

# HSTS and cookies for TLS only: nothing new beside what is said about an entrance without TLS, and
# wrong for an onion, which has none.
_ABOUT_TLS: Final = frozenset({"security.W004", "security.W010", "security.W016"})

Found = TypeVar("Found")


class Node(Protocol):
    """What is asked of our own monerod."""

    def get_info(self) -> NodeInfo: ...

    def get_version(self) -> NodeVersion: ...

    def get_last_block_header(self) -> BlockHeader: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where things are found that not every installation has in the same place.

    ``last_backup`` is when the last backup was complete, None if there is none on record.
    """

    connect_node: Callable[[Configuration], Node]
    last_backup: Callable[[Configuration], datetime | None]
    prometheus: str
    settings_file: Path | None = None


def usual_sources(prometheus: str, settings_file: Path | None) -> Sources:
    """The places that the coordinator itself uses."""
    return Sources(_connect, _backup_by_mark, prometheus, settings_file)


def look(
    configuration: Configuration,
    sources: Sources,
    *,
    quick: bool = False,
    expect: str | None = None,
) -> Facts:
    """Everything. Needs Django set up.

    ``quick`` leaves the event log to the running check; else it is read as a whole, and ``expect``
    is a hash that has to be in it.
    """
    dark = _no_database()

    def stored(question: Callable[[], Found]) -> Found | Unknown:
        match dark:
            case None:
                return _ask(question)
            case Faulty():
                return Unknown("there is no database")
            case Unknown():
                return dark

    return Facts(
        settings=_settings(configuration),
        framework=_framework(over_tls=configuration.public_origin.startswith("https:")),
        files=look_at_files(configuration, sources.settings_file),
        database=_ask(_database) if dark is None else dark,
        working=stored(_working),
        node=_node(configuration, sources.connect_node),
        wallet_rpc=neighbours.wallet_rpc_version(),
        entrance=neighbours.certificate(configuration.public_origin),
        officers=stored(_officers),
        keyring=stored(lambda: _keyring(configuration.keyring_file)),
        last_backup=stored(lambda: sources.last_backup(configuration)),
        audit=stored(lambda: _audit(quick=quick, expect=expect)),
        limits=configuration.limits,
        monitoring=neighbours.monitoring(
            configuration.metrics_host, configuration.metrics_port, sources.prometheus
        ),
        disk=_disk(configuration.data_dir),
        looked_at=now(),
    )


def _settings(configuration: Configuration) -> SettingsFacts:
    return SettingsFacts(
        network=configuration.network,
        public_origin=configuration.public_origin,
        allowed_hosts=configuration.allowed_hosts,
        custody_warns=configuration.custody_guard is CustodyGuard.WARN,
        has_node=configuration.monerod_url is not None,
        node_in_the_open=_in_the_open(configuration),
        metrics_port=configuration.metrics_port,
    )


def _in_the_open(configuration: Configuration) -> bool:
    if configuration.monerod_url is None:
        return False
    parts = urlsplit(configuration.monerod_url)
    host = parts.hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    return not (here or parts.scheme == "https" or host.endswith(".onion"))


def _framework(*, over_tls: bool) -> tuple[str, ...]:
    """What Django's checks for a deployment have to say. They touch no database."""
    return tuple(
        f"Django's check {one.id}: {str(one.msg).splitlines()[0].partition('. ')[0].rstrip('.')}."
        for one in django_checks.run_checks(include_deployment_checks=True)
        if one.level >= django_checks.WARNING
        and not one.is_silenced()
        and (over_tls or one.id not in _ABOUT_TLS)
    )


def _no_database() -> Faulty | Unknown | None:
    """SQLite would make a file that isn't there: so it is looked for first."""
    if connection.vendor != "sqlite":
        return None
    path = Path(str(connection.settings_dict["NAME"]))
    try:
        if path.exists():
            return None
    except OSError as error:
        return Unknown(f"this user may not look at {path} ({type(error).__name__})")
    return Faulty(f"{path} isn't there. Check TRIPARTITE_DATA_DIR, or start `tripartite serve`.")


def _ask(question: Callable[[], Found]) -> Found | Unknown:
    try:
        return question()
    except DatabaseError as error:
        return Unknown(f"the database doesn't say ({type(error).__name__})")


def _database() -> DatabaseFacts:
    migrated = next((one.passed for one in health.checks() if one.name == "migrations"), False)
    if connection.vendor == "sqlite":
        return DatabaseFacts("sqlite", sqlite3.sqlite_version_info, migrated, None)
    with connection.cursor() as sql:
        sql.execute("SELECT current_setting('server_version_num')::int, clock_timestamp()")
        number, theirs = sql.fetchone()
    # 150014 is 15.14, since PostgreSQL 10.
    version = (int(number) // 10_000, int(number) % 10_000)
    assert isinstance(theirs, datetime)
    return DatabaseFacts(connection.vendor, version, migrated, (theirs - now()).total_seconds())


def _working() -> bool | Unknown:
    found = {one.name: one.passed for one in health.checks()}
    return found.get("work", Unknown("the tables are those of another version"))


def _officers() -> tuple[OfficerFacts, ...]:
    rows = Account.objects.filter(Q(is_staff=True) | Q(is_arbiter=True), is_active=True)
    return tuple(
        OfficerFacts(row.name, row.is_staff, bool(get_adapter().is_mfa_enabled(row)))
        for row in rows.order_by("name")
    )


def _keyring(path: Path) -> str | Unknown:
    try:
        path.stat()
    except FileNotFoundError:
        pass  # nothing may need it yet
    except OSError as error:
        return Unknown(f"this user may not look at {path} ({type(error).__name__})")
    if path.exists() and not os.access(path, os.R_OK):
        return Unknown(f"this user may not read {path}")
    return keyring_trouble(path, thoroughly=True)


def _audit(*, quick: bool, expect: str | None) -> AuditFacts:
    running = audit_state()
    if not running.intact:
        said = "The running check found the event log altered."
        return AuditFacts(None, None, said, running.checked_seconds)
    if quick:
        return AuditFacts(None, None, None, running.checked_seconds)
    try:
        whole = audit.verify(expect=expect)
    except audit.LogAltered as error:
        return AuditFacts(None, None, error.detail, running.checked_seconds)
    return AuditFacts(whole.events, whole.hash, None, running.checked_seconds)


def _node(
    configuration: Configuration, connect: Callable[[Configuration], Node]
) -> NodeFacts | Faulty | Unknown | None:
    if configuration.monerod_url is None:
        return None
    try:
        with _opened(configuration, connect) as node:
            info, version = node.get_info(), node.get_version()
            block = node.get_last_block_header()
    except Unavailable as error:
        return Unknown(f"{error.title()}")
    except Refused as error:
        return Faulty(f"{error.title()}: {error.detail}")
    complaint, release = None, least_release(version)
    try:
        require_supported_node(configuration.network, version, info)
        if info.version:
            release = parse_version(info.version)
    except VersionTooOld as error:
        complaint = error.detail
    except VersionUnreadable:
        pass  # a build of somebody's own: its interface number was enough to judge it by
    return NodeFacts(
        network=info.network,
        release=release,
        complaint=complaint,
        synchronized=info.synchronized,
        behind=max(0, info.target_height - info.height),
        untrusted=info.untrusted,
        block_age_seconds=now().timestamp() - block.timestamp,
    )


@contextlib.contextmanager
def _opened(
    configuration: Configuration, connect: Callable[[Configuration], Node]
) -> Iterator[Node]:
    node = connect(configuration)
    try:
        yield node
    finally:
        node.close()


def _connect(configuration: Configuration) -> Node:
    assert configuration.monerod_url is not None
    login = configuration.monerod_login
    return Monerod(
        configuration.monerod_url,
        None if login is None else Login(*login),
        proxy=configuration.monerod_proxy,
        timeouts=_TIMEOUTS,
    )


def _backup_by_mark(configuration: Configuration) -> datetime | None:
    age = backup_age(configuration.data_dir)
    return None if age == float("inf") else datetime.fromtimestamp(now().timestamp() - age, UTC)


def _disk(data_dir: Path) -> DiskFacts | Unknown:
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError as error:
        return Unknown(error.strerror or type(error).__name__)
    return DiskFacts(usage.free, usage.total)
