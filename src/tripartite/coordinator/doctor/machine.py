"""Judging what surrounds the coordinator: settings, files, its public name, monitoring, disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from tripartite.coordinator.doctor.facts import (
    CertificateFacts,
    Facts,
    Faulty,
    FileFacts,
    FileKind,
    SettingsFacts,
    Unknown,
)
from tripartite.coordinator.doctor.report import LOOK_AGAIN, Check, Finding, Verdict
from tripartite.domain.parties import Network

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN

_CERTIFICATE_SOON: Final = 14.0
_CERTIFICATE_NOW: Final = 3.0

_LEAST_FREE: Final = 1 << 30
_LEAST_FREE_SHARE: Final = 0.05


def judge_settings(facts: Facts) -> Iterator[Finding]:
    """Whether they can be read, and what Django thinks of them for a deployment."""
    if isinstance(facts.settings, Faulty):
        yield Finding(Check.SETTINGS, BAD, "The settings can't be used.", facts.settings.why)
        return
    match facts.framework:
        case Unknown(why):
            yield Finding(
                Check.SETTINGS, UNKNOWN, f"Django's own checks did not run: {why}.", LOOK_AGAIN
            )
        case ():
            yield Finding(Check.SETTINGS, GOOD, f"They are for {facts.settings.network.value}.")
        case warnings:
            for warning in warnings:
                yield Finding(
                    Check.SETTINGS, WEAK, warning, "Look it up in Django's list of system checks."
                )
    if "*" in facts.settings.allowed_hosts:
        yield Finding(
            Check.SETTINGS,
            BAD,
            "Every Host header is answered.",
            "Name your hosts in TRIPARTITE_ALLOWED_HOSTS.",
        )


_ALLOWED: Final = {
    FileKind.SECRET: 0o600,
    FileKind.DIRECTORY: 0o700,
    FileKind.SETTINGS: 0o640,
}


def judge_files(files: tuple[FileFacts, ...]) -> Iterator[Finding]:
    """Who may read keys and settings."""
    there = [(file, file.mode & 0o777) for file in files if isinstance(file.mode, int)]
    hidden = [file for file in files if isinstance(file.mode, Unknown)]
    for file in hidden:
        yield Finding(
            Check.SECRETS,
            UNKNOWN,
            f"{file.path} can't be looked at by this user.",
            "Run this as the coordinator's user.",
        )
    if not there and not hidden:
        yield Finding(
            Check.SECRETS,
            UNKNOWN,
            "None of the coordinator's files is here.",
            "Run this on its machine, as its user, with its settings.",
        )
        return
    closed = 0
    for file, mode in there:
        allowed = _ALLOWED[file.kind]
        if mode & ~allowed:
            yield Finding(
                Check.SECRETS,
                BAD,
                f"{file.path} has mode {mode:04o}: others can get at it.",
                f"chmod {allowed:o} {file.path}",
            )
        elif file.kind is FileKind.DIRECTORY and file.owned_by_root:
            yield Finding(
                Check.SECRETS,
                WEAK,
                f"{file.path} belongs to root.",
                "Run the coordinator as a user of its own: deploy/systemd has a unit that does.",
            )
        else:
            closed += 1
    if there and closed == len(there):
        yield Finding(Check.SECRETS, GOOD, f"{closed} paths are closed to others.")


def judge_entrance(
    settings: SettingsFacts | None, seen: CertificateFacts | Faulty | Unknown | None
) -> Iterator[Finding]:
    """How the public name is reached."""
    if settings is None:
        yield Finding(Check.ENTRANCE, UNKNOWN, "The public name isn't known.", LOOK_AGAIN)
        return
    parts = urlsplit(settings.public_origin)
    host = parts.hostname or ""
    if parts.scheme == "https":
        yield from _certificate(settings.public_origin, seen)
    elif host.endswith(".onion"):
        yield Finding(
            Check.ENTRANCE, GOOD, "The public name is an onion, which brings its own encryption."
        )
    elif _is_loopback(host) and settings.network is not Network.MAINNET:
        yield Finding(
            Check.ENTRANCE,
            WEAK,
            f"{settings.public_origin} is reached from this machine only.",
            "For others, set TRIPARTITE_PUBLIC_ORIGIN to an https or onion address.",
        )
    else:
        yield Finding(
            Check.ENTRANCE,
            BAD,
            f"{settings.public_origin} is neither https nor an onion: passwords cross the net open.",
            "Put deploy/nginx or deploy/tor in front and set TRIPARTITE_PUBLIC_ORIGIN to it.",
        )


def _certificate(
    origin: str, seen: CertificateFacts | Faulty | Unknown | None
) -> Iterator[Finding]:
    match seen:
        case CertificateFacts(days) if days > _CERTIFICATE_SOON:
            yield Finding(
                Check.ENTRANCE, GOOD, f"{origin} has a certificate for {days:.0f} more days."
            )
        case CertificateFacts(days):
            yield Finding(
                Check.ENTRANCE,
                WEAK if days > _CERTIFICATE_NOW else BAD,
                f"The certificate of {origin} ends in {days:.0f} days.",
                "Renew it, and find out why that didn't happen by itself.",
            )
        case Faulty(why):
            yield Finding(Check.ENTRANCE, BAD, f"Browsers won't believe {origin}: {why}.", "Renew "
                          "the certificate, and serve the whole chain.")  # fmt: skip
        case Unknown(why):
            yield Finding(
                Check.ENTRANCE,
                UNKNOWN,
                f"{origin} can't be reached from here: {why}.",
                "Try from outside: a machine often can't reach its own public name.",
            )
        case None:
            yield Finding(Check.ENTRANCE, UNKNOWN, f"{origin} was not tried.", LOOK_AGAIN)


def judge_openness(settings: SettingsFacts | None) -> Iterator[Finding]:
    """What the operator lowered, or left open."""
    if settings is None:
        return
    if settings.custody_warns:
        yield Finding(
            Check.NETWORK,
            WEAK,
            "The custody guard only warns: this operator may hold two keys of three.",
            "Set TRIPARTITE_CUSTODY_GUARD to refuse before real money comes.",
        )
    if settings.node_in_the_open:
        yield Finding(
            Check.NETWORK,
            WEAK,
            "Your monerod is on another machine and asked without TLS: whoever is in between "
            "reads and changes its answers.",
            "Use https in TRIPARTITE_MONEROD_URL, an onion with TRIPARTITE_MONEROD_PROXY, or a "
            "tunnel that ends on loopback.",
        )
    if not settings.custody_warns and not settings.node_in_the_open:
        yield Finding(Check.NETWORK, GOOD, "The custody guard refuses; no line is open.")


def judge_monitoring(facts: Facts) -> Iterator[Finding]:
    """Whether somebody would be told."""
    seen = facts.monitoring
    if isinstance(facts.settings, SettingsFacts) and facts.settings.metrics_port == 0:
        yield Finding(
            Check.MONITORING,
            BAD,
            "Figures are switched off: nobody is told when something breaks.",
            "Set TRIPARTITE_METRICS_PORT, and run scripts/setup-monitoring.sh.",
        )
        return
    if isinstance(seen.metrics, Unknown):
        yield Finding(
            Check.MONITORING,
            UNKNOWN,
            f"This machine's figures: {seen.metrics.why}.",
            "Look whether the coordinator runs here.",
        )
    match seen.watched:
        case Unknown(why):
            yield Finding(
                Check.MONITORING,
                UNKNOWN,
                f"Prometheus: {why}.",
                "Name yours with --prometheus, or install one: scripts/setup-monitoring.sh",
            )
            return
        case targets if not targets:
            yield Finding(
                Check.MONITORING,
                BAD,
                "Prometheus watches no coordinator.",
                "Put deploy/prometheus in place: scripts/setup-monitoring.sh",
            )
        case targets:
            away = sorted(name for name, up in targets.items() if not up)
            if away:
                yield Finding(
                    Check.MONITORING,
                    BAD,
                    f"Prometheus doesn't reach {', '.join(away)}.",
                    "Start that node, or take it out of prometheus.yml.",
                )
            else:
                yield Finding(
                    Check.MONITORING, GOOD, f"Prometheus reaches {len(targets)} of our processes."
                )
    match seen.alertmanagers:
        case Unknown(why):
            yield Finding(
                Check.MONITORING,
                UNKNOWN,
                f"Whether Prometheus has somebody to tell: {why}.",
                LOOK_AGAIN,
            )
        case 0:
            yield Finding(
                Check.MONITORING,
                BAD,
                "Prometheus has nobody to tell of an alert.",
                "Put deploy/alertmanager in place, with a receiver that wakes somebody.",
            )


def judge_disk(facts: Facts) -> Iterator[Finding]:
    """Whether there is room."""
    disk = facts.disk
    if isinstance(disk, Unknown):
        yield Finding(Check.DISK, UNKNOWN, f"The disk: {disk.why}.", LOOK_AGAIN)
        return
    said = f"{disk.free / (1 << 30):.1f} GiB of {disk.total / (1 << 30):.1f} are free."
    if disk.free < _LEAST_FREE or disk.free < disk.total * _LEAST_FREE_SHARE:
        yield Finding(Check.DISK, BAD, said, "Make room: a full disk stops every escrow.")
    else:
        yield Finding(Check.DISK, GOOD, said)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
