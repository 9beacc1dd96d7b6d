"""What a doctor says: findings, their weight, and the score that comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LOOK_AGAIN: Final = "Look again once it answers; until then nobody knows."
"""What to do about most things that could not be found out."""


class Check(StrEnum):
    """What is looked at. The page ``docs/doctor.md`` is drawn from this."""

    SETTINGS = "settings"
    """The settings can be read, and Django's own checks for a deployment have nothing to say."""
    SECRETS = "secrets"
    """Keys, the data directory and the settings file are closed to other users of the machine."""
    ENTRANCE = "entrance"
    """The public name is https with a certificate that browsers accept, or an onion."""
    NETWORK = "network"
    """The custody guard refuses, and your node isn't asked over an open line."""
    DATABASE = "database"
    """The database answers, has this version's tables and no known bug."""
    WORK = "work"
    """Background work is being done."""
    NODE = "node"
    """Your own monerod answers, and is of your network."""
    NODE_VERSION = "node_version"
    """That monerod is new enough."""
    NODE_SYNC = "node_sync"
    """It has the whole chain."""
    WALLET_RPC = "wallet_rpc"
    """The monero-wallet-rpc of this machine has no known multisig bug."""
    CLOCK = "clock"
    """The clock agrees with the database's and with the chain's."""
    SECOND_FACTORS = "second_factors"
    """Every admin and arbiter has a second factor, and there is an admin."""
    KEYRING = "keyring"
    """The keyring file opens whatever is sealed in the database."""
    BACKUP = "backup"
    """The last backup is less than two days old."""
    EVENT_LOG = "event_log"
    """The event log is what was written."""
    LIMITS = "limits"
    """Launch limits are in force."""
    MONITORING = "monitoring"
    """Prometheus reaches every node, and has somebody to tell of an alert."""
    DISK = "disk"
    """There is room on the disk."""


WEIGHTS: Mapping[Check, int] = {
    Check.SETTINGS: 5,
    Check.SECRETS: 10,
    Check.ENTRANCE: 10,
    Check.NETWORK: 5,
    Check.DATABASE: 10,
    Check.WORK: 5,
    Check.NODE: 10,
    Check.NODE_VERSION: 5,
    Check.NODE_SYNC: 5,
    Check.WALLET_RPC: 5,
    Check.CLOCK: 5,
    Check.SECOND_FACTORS: 10,
    Check.KEYRING: 10,
    Check.BACKUP: 10,
    Check.EVENT_LOG: 10,
    Check.LIMITS: 5,
    Check.MONITORING: 5,
    Check.DISK: 5,
}
"""How much each counts: 10 where money or its record can be lost by it alone, else 5."""


class Verdict(StrEnum):
    """How a check came out, the worst first."""

    TAMPERED = "tampered"
    """Somebody altered the record. Stop, and look."""
    BAD = "bad"
    """Has to be mended before real money is here."""
    UNKNOWN = "unknown"
    """It could not be found out, which is not a no. Nor is it a yes."""
    WEAK = "weak"
    """Works, and could be better."""
    GOOD = "good"
    """As it should be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. ``todo`` says what to do; empty if there is nothing to do."""

    check: Check
    verdict: Verdict
    what: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, the worst first. A check may have several."""

    findings: tuple[Finding, ...]
    looked_at: datetime

    @property
    def verdict(self) -> Verdict:
        """The worst there is."""
        return self.findings[0].verdict

    @property
    def score(self) -> int:
        """0 to 100: how much was seen to be good, by weight.

        A check counts as its worst finding; weak ones count half. What could not be found out
        counts as nothing: 100 says that everything was seen and is good.
        """
        worst: dict[Check, Verdict] = {}
        for finding in self.findings:
            worst.setdefault(finding.check, finding.verdict)
        got = sum(_CREDIT[verdict] * WEIGHTS[check] for check, verdict in worst.items())
        return got * 50 // sum(WEIGHTS[check] for check in worst)


_CREDIT: Mapping[Verdict, int] = {
    Verdict.TAMPERED: 0,
    Verdict.BAD: 0,
    Verdict.UNKNOWN: 0,
    Verdict.WEAK: 1,
    Verdict.GOOD: 2,
}
"""In halves."""


def sorted_report(findings: list[Finding], *, looked_at: datetime) -> Report:
    """The worst first, else in the order of the checks."""
    order = list(Verdict)
    checks = list(Check)
    findings = sorted(findings, key=lambda one: (order.index(one.verdict), checks.index(one.check)))
    return Report(tuple(findings), looked_at)
