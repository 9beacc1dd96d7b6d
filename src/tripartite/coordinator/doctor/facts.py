"""What can be seen of an installation. Plain values; ``Unknown`` where nothing could be seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network
from tripartite.monero.versions import Version


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be found out, which is not "no". ``why`` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """What is there can't be used as it is. ``why`` says what to change."""

    why: str


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """The settings, as far as they are judged.

    ``node_in_the_open``: monerod is on another machine, and neither TLS nor a proxy hides what is
    asked of it.
    """

    network: Network
    public_origin: str
    allowed_hosts: tuple[str, ...]
    custody_warns: bool
    has_node: bool
    node_in_the_open: bool
    metrics_port: int


class FileKind(StrEnum):
    """What a file is kept for, which says who may read it."""

    SECRET = "secret"  # noqa: S105 — a kind of file
    """Its owner alone."""
    DIRECTORY = "directory"
    """Its owner alone: what lies in it needs no rights of its own."""
    SETTINGS = "settings"
    """Its owner and one group: it may hold logins."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One path. ``mode`` has the permission bits; None if nothing is there."""

    path: str
    kind: FileKind
    mode: int | Unknown | None
    owned_by_root: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database. ``ahead_seconds``: its clock minus ours; None if it has ours (SQLite)."""

    engine: str
    version: tuple[int, ...]
    migrated: bool
    ahead_seconds: float | None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Our own monerod. ``complaint``: why its version isn't enough for our network.

    ``behind`` counts blocks; ``block_age_seconds`` is our time minus the newest block's, which its
    miner chose.
    """

    network: Network
    release: Version | None
    complaint: str | None
    synchronized: bool
    behind: int
    untrusted: bool
    block_age_seconds: float


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The TLS certificate that our public name shows, which a browser would accept."""

    days_left: float


@dataclass(frozen=True, slots=True)
class OfficerFacts:
    """An account that is an admin or an arbiter."""

    name: str
    is_admin: bool
    second_factor: bool


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """The event log. ``altered``: what was found wrong in it, by us or by the running check.

    ``events`` is None when only the running check was asked; ``checked_seconds`` is how long ago
    that one saw the whole log, None if it never did.
    """

    events: int | None
    hash: str | None
    altered: str | None
    checked_seconds: float | None


@dataclass(frozen=True, slots=True)
class MonitoringFacts:
    """Who would notice.

    ``metrics``: whether our own port for figures answers. ``watched``: which targets Prometheus
    reaches, by name. ``alertmanagers``: how many it would tell of an alert.
    """

    metrics: bool | Unknown
    watched: dict[str, bool] | Unknown
    alertmanagers: int | Unknown


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Bytes on the file system of DATA_DIR."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was looked at. None: there is nothing to look at."""

    settings: SettingsFacts | Faulty
    framework: tuple[str, ...] | Unknown
    files: tuple[FileFacts, ...]
    database: DatabaseFacts | Faulty | Unknown
    working: bool | Unknown
    node: NodeFacts | Faulty | Unknown | None
    wallet_rpc: Version | Unknown | None
    entrance: CertificateFacts | Faulty | Unknown | None
    officers: tuple[OfficerFacts, ...] | Unknown
    keyring: str | Unknown
    """Why the keyring file doesn't open what is sealed; empty if it does."""
    last_backup: datetime | Unknown | None
    audit: AuditFacts | Unknown
    limits: Limits | Unknown
    monitoring: MonitoringFacts
    disk: DiskFacts | Unknown
    looked_at: datetime


def unseen(settings: Faulty, *, files: tuple[FileFacts, ...], at: datetime) -> Facts:
    """The facts when not even the settings can be read: everything else is unknown."""
    dark = Unknown("the settings can't be read")
    return Facts(
        settings=settings,
        framework=dark,
        files=files,
        database=dark,
        working=dark,
        node=dark,
        wallet_rpc=dark,
        entrance=dark,
        officers=dark,
        keyring=dark,
        last_backup=dark,
        audit=dark,
        limits=dark,
        monitoring=MonitoringFacts(dark, dark, dark),
        disk=dark,
        looked_at=at,
    )
