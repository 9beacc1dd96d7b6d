"""What stands around the coordinator: its public name, Prometheus, Monero's programs."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from typing import Final
from urllib.parse import urlencode, urlsplit

from tripartite.coordinator.doctor.facts import (
    CertificateFacts,
    Faulty,
    MonitoringFacts,
    Unknown,
)
from tripartite.coordinator.storing import now
from tripartite.monero.versions import Version, VersionUnreadable, parse_version

_PATIENCE: Final = 5.0
_LARGEST: Final = 1 << 20

_OTHERWISE: Final = (ValueError, LookupError, TypeError, RecursionError)
"""What reading an answer of another form, or of endless nesting, raises."""
_NO_PROMETHEUS: Final = Unknown("it answers something else than Prometheus does")

JOB: Final = "tripartite"
"""As in deploy/prometheus/prometheus.yml."""


def certificate(origin: str) -> CertificateFacts | Faulty | Unknown | None:
    """The certificate that ``origin`` shows; None if it is no https address."""
    parts = urlsplit(origin)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), _PATIENCE) as plain,
            ssl.create_default_context().wrap_socket(
                plain, server_hostname=parts.hostname
            ) as channel,
        ):
            shown = channel.getpeercert()
    except ssl.SSLCertVerificationError as error:
        return Faulty(error.verify_message)
    except OSError as error:  # also of TLS: an unfinished handshake says nothing about trust
        return Unknown(error.strerror or type(error).__name__)
    ends = shown.get("notAfter") if shown else None
    if not isinstance(ends, str):
        return Unknown("it shows no date")
    left = ssl.cert_time_to_seconds(ends) - now().timestamp()
    return CertificateFacts(left / 86_400)


def wallet_rpc_version() -> Version | Unknown | None:
    """What this machine's monero-wallet-rpc calls itself; None if there is none."""
    program = shutil.which("monero-wallet-rpc")
    if program is None:
        return None
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unknown(type(error).__name__)
    # Monero 'Fluorine Fermi' (v0.18.0.0-unknown)
    named = re.search(r"\((v[^()\s]+)\)", said)
    try:
        return parse_version("" if named is None else named[1])
    except VersionUnreadable:
        return Unknown("it doesn't say")


def monitoring(host: str, port: int, prometheus: str) -> MonitoringFacts:
    """Whether our figures are there, and whether somebody reads them."""
    here = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 — nothing listens here
    return MonitoringFacts(
        metrics=Unknown("they are switched off") if port == 0 else _alive(here, port),
        watched=_watched(prometheus),
        alertmanagers=_alertmanagers(prometheus),
    )


def _alive(host: str, port: int) -> bool | Unknown:
    answer = _get(f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz")
    return answer if isinstance(answer, Unknown) else True


def _watched(prometheus: str) -> dict[str, bool] | Unknown:
    found = _query(prometheus, f'up{{job="{JOB}"}}')
    if isinstance(found, Unknown):
        return found
    return {labels.get("instance", "?"): value == 1 for labels, value in found}


def _alertmanagers(prometheus: str) -> int | Unknown:
    answer = _get(f"{prometheus.rstrip('/')}/api/v1/alertmanagers")
    if isinstance(answer, Unknown):
        return answer
    return counted(answer)


def counted(answer: bytes) -> int | Unknown:
    """How many Alertmanagers a Prometheus says that it uses."""
    try:
        return len(json.loads(answer)["data"]["activeAlertmanagers"])
    except _OTHERWISE:
        return _NO_PROMETHEUS


def _query(prometheus: str, query: str) -> list[tuple[dict[str, str], float]] | Unknown:
    """The samples that a query gives: labels and value."""
    answer = _get(f"{prometheus.rstrip('/')}/api/v1/query?{urlencode({'query': query})}")
    if isinstance(answer, Unknown):
        return answer
    return samples(answer)


def samples(answer: bytes) -> list[tuple[dict[str, str], float]] | Unknown:
    """Labels and value of each sample in what a Prometheus answers to a query."""
    try:
        rows = json.loads(answer)["data"]["result"]
        return [(dict(row["metric"]), float(row["value"][1])) for row in rows]
    except _OTHERWISE:
        return _NO_PROMETHEUS


def _get(url: str) -> bytes | Unknown:
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        line = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
        try:
            line.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
            answer = line.getresponse()
            content = answer.read(_LARGEST)
        finally:
            line.close()
    except OSError as error:
        return Unknown(error.strerror or type(error).__name__)
    except (http.client.HTTPException, ValueError) as error:
        return Unknown(type(error).__name__)
    if answer.status != http.client.OK:
        return Unknown(f"it answers {answer.status}")
    return content
