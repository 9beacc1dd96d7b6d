"""Stories about judging an installation: from facts to findings, without looking at anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tripartite.coordinator.doctor.facts import (
    AuditFacts,
    CertificateFacts,
    DatabaseFacts,
    DiskFacts,
    Facts,
    Faulty,
    FileFacts,
    FileKind,
    MonitoringFacts,
    NodeFacts,
    OfficerFacts,
    SettingsFacts,
    Unknown,
    unseen,
)
from tripartite.coordinator.doctor.judging import judge
from tripartite.coordinator.doctor.report import WEIGHTS, Check, Verdict
from tripartite.domain.limits import BETA
from tripartite.domain.parties import Network
from tripartite.monero.versions import OLDEST_FOR_TESTING, Version

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
DARK = Unknown("no answer")
SETTINGS = SettingsFacts(
    network=Network.MAINNET,
    public_origin="https://escrow.example",
    allowed_hosts=("escrow.example",),
    custody_warns=False,
    has_node=True,
    node_in_the_open=False,
    metrics_port=8701,
)
DATABASE = DatabaseFacts("postgresql", (17, 2), migrated=True, ahead_seconds=0.1)
NODE = NodeFacts(
    network=Network.MAINNET,
    release=Version((0, 18, 5, 1)),
    complaint=None,
    synchronized=True,
    behind=0,
    untrusted=False,
    block_age_seconds=90.0,
)
KEY = FileFacts("/data/secret_key", FileKind.SECRET, 0o600)
DIRECTORY = FileFacts("/data", FileKind.DIRECTORY, 0o700)
MONITORING = MonitoringFacts(metrics=True, watched={"127.0.0.1:8701": True}, alertmanagers=1)
WELL = Facts(
    settings=SETTINGS,
    framework=(),
    files=(KEY, DIRECTORY),
    database=DATABASE,
    working=True,
    node=NODE,
    wallet_rpc=Version((0, 18, 5, 1)),
    entrance=CertificateFacts(60.0),
    officers=(OfficerFacts("root", is_admin=True, second_factor=True),),
    keyring="",
    last_backup=NOW - timedelta(hours=5),
    audit=AuditFacts(7, "ab" * 32, None, 60.0),
    limits=BETA,
    monitoring=MONITORING,
    disk=DiskFacts(50 << 30, 100 << 30),
    looked_at=NOW,
)
STAGENET = replace(SETTINGS, network=Network.STAGENET)


def verdict(facts: Facts, check: Check) -> Verdict:
    """The worst that is said about ``check``."""
    return next(one.verdict for one in judge(facts).findings if one.check is check)


def test_what_is_well_gets_all_the_points_and_nothing_to_do() -> None:
    report = judge(WELL)

    assert report.score == 100
    assert report.verdict is Verdict.GOOD
    assert {one.check for one in report.findings} == set(Check) == set(WEIGHTS)
    assert not any(one.todo for one in report.findings)


@pytest.mark.parametrize(
    ("facts", "check", "expected"),
    [
        (replace(WELL, framework=("W1: beware",)), Check.SETTINGS, Verdict.WEAK),
        (
            replace(WELL, settings=replace(SETTINGS, allowed_hosts=("*",))),
            Check.SETTINGS,
            Verdict.BAD,
        ),
        (replace(WELL, files=(replace(KEY, mode=0o640),)), Check.SECRETS, Verdict.BAD),
        (replace(WELL, files=(replace(KEY, mode=0o400),)), Check.SECRETS, Verdict.GOOD),
        (replace(WELL, files=(replace(DIRECTORY, mode=0o755),)), Check.SECRETS, Verdict.BAD),
        (
            replace(WELL, files=(replace(DIRECTORY, owned_by_root=True),)),
            Check.SECRETS,
            Verdict.WEAK,
        ),
        (
            replace(WELL, files=(FileFacts("/etc/x.toml", FileKind.SETTINGS, 0o644),)),
            Check.SECRETS,
            Verdict.BAD,
        ),
        (
            replace(WELL, files=(FileFacts("/etc/x.toml", FileKind.SETTINGS, 0o640),)),
            Check.SECRETS,
            Verdict.GOOD,
        ),
        (replace(WELL, files=(replace(KEY, mode=None),)), Check.SECRETS, Verdict.UNKNOWN),
        (replace(WELL, files=(KEY, replace(KEY, mode=DARK))), Check.SECRETS, Verdict.UNKNOWN),
        (replace(WELL, entrance=CertificateFacts(10.0)), Check.ENTRANCE, Verdict.WEAK),
        (replace(WELL, entrance=CertificateFacts(1.0)), Check.ENTRANCE, Verdict.BAD),
        (replace(WELL, entrance=Faulty("self-signed")), Check.ENTRANCE, Verdict.BAD),
        (
            replace(WELL, settings=replace(SETTINGS, public_origin="http://a.onion")),
            Check.ENTRANCE,
            Verdict.GOOD,
        ),
        (
            replace(WELL, settings=replace(SETTINGS, public_origin="http://escrow.example")),
            Check.ENTRANCE,
            Verdict.BAD,
        ),
        (
            replace(WELL, settings=replace(SETTINGS, public_origin="http://127.0.0.1:8700")),
            Check.ENTRANCE,
            Verdict.BAD,
        ),
        (
            replace(WELL, settings=replace(STAGENET, public_origin="http://localhost")),
            Check.ENTRANCE,
            Verdict.WEAK,
        ),
        (
            replace(WELL, settings=replace(SETTINGS, node_in_the_open=True)),
            Check.NETWORK,
            Verdict.WEAK,
        ),
        (
            replace(WELL, settings=replace(STAGENET, custody_warns=True)),
            Check.NETWORK,
            Verdict.WEAK,
        ),
        (replace(WELL, database=Faulty("gone")), Check.DATABASE, Verdict.BAD),
        (replace(WELL, database=replace(DATABASE, version=(14, 9))), Check.DATABASE, Verdict.BAD),
        (replace(WELL, database=replace(DATABASE, migrated=False)), Check.DATABASE, Verdict.BAD),
        (
            replace(WELL, database=DatabaseFacts("sqlite", (3, 40, 1), True, None)),
            Check.DATABASE,
            Verdict.WEAK,
        ),
        *(
            (
                replace(WELL, database=DatabaseFacts("sqlite", version, True, None)),
                Check.DATABASE,
                Verdict.GOOD,
            )
            for version in ((3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0))
        ),
        *(
            (
                replace(WELL, database=DatabaseFacts("sqlite", version, True, None)),
                Check.DATABASE,
                Verdict.WEAK,
            )
            for version in ((3, 45, 0), (3, 51, 2), (3, 50, 6))
        ),
        (replace(WELL, working=False), Check.WORK, Verdict.BAD),
        (replace(WELL, node=None), Check.NODE, Verdict.BAD),
        (replace(WELL, node=Faulty("wrong login")), Check.NODE, Verdict.BAD),
        (replace(WELL, node=replace(NODE, network=Network.STAGENET)), Check.NODE, Verdict.BAD),
        (replace(WELL, node=replace(NODE, untrusted=True)), Check.NODE, Verdict.BAD),
        (
            replace(WELL, node=replace(NODE, complaint="Install newer.")),
            Check.NODE_VERSION,
            Verdict.BAD,
        ),
        (
            replace(WELL, node=replace(NODE, release=Version((0, 18, 4, 0)))),
            Check.NODE_VERSION,
            Verdict.WEAK,
        ),
        (replace(WELL, node=replace(NODE, behind=3)), Check.NODE_SYNC, Verdict.BAD),
        (replace(WELL, node=replace(NODE, synchronized=False)), Check.NODE_SYNC, Verdict.BAD),
        (replace(WELL, wallet_rpc=None), Check.WALLET_RPC, Verdict.GOOD),
        (replace(WELL, wallet_rpc=OLDEST_FOR_TESTING), Check.WALLET_RPC, Verdict.BAD),
        (
            replace(WELL, wallet_rpc=OLDEST_FOR_TESTING, settings=STAGENET),
            Check.WALLET_RPC,
            Verdict.WEAK,
        ),
        (replace(WELL, database=replace(DATABASE, ahead_seconds=-3.0)), Check.CLOCK, Verdict.WEAK),
        (replace(WELL, database=replace(DATABASE, ahead_seconds=9.0)), Check.CLOCK, Verdict.BAD),
        (replace(WELL, node=replace(NODE, block_age_seconds=9e3)), Check.CLOCK, Verdict.BAD),
        (replace(WELL, node=replace(NODE, block_age_seconds=-9e3)), Check.CLOCK, Verdict.BAD),
        (
            replace(WELL, settings=STAGENET, node=replace(NODE, block_age_seconds=9e3)),
            Check.CLOCK,
            Verdict.WEAK,
        ),
        (
            replace(WELL, node=DARK, database=replace(DATABASE, ahead_seconds=None)),
            Check.CLOCK,
            Verdict.UNKNOWN,
        ),
        (replace(WELL, officers=()), Check.SECOND_FACTORS, Verdict.BAD),
        (
            replace(WELL, officers=(*WELL.officers, OfficerFacts("dave", False, False))),  # type: ignore[misc]  # a tuple, see WELL
            Check.SECOND_FACTORS,
            Verdict.BAD,
        ),
        (replace(WELL, keyring="restore it."), Check.KEYRING, Verdict.BAD),
        (replace(WELL, last_backup=None), Check.BACKUP, Verdict.BAD),
        (replace(WELL, last_backup=NOW - timedelta(days=3)), Check.BACKUP, Verdict.BAD),
        (
            replace(WELL, audit=AuditFacts(None, None, "Event 3 is missing.", 1.0)),
            Check.EVENT_LOG,
            Verdict.TAMPERED,
        ),
        (
            replace(WELL, audit=AuditFacts(None, None, None, None)),
            Check.EVENT_LOG,
            Verdict.UNKNOWN,
        ),
        (replace(WELL, audit=AuditFacts(None, None, None, 9e6)), Check.EVENT_LOG, Verdict.WEAK),
        (replace(WELL, audit=AuditFacts(None, None, None, 9e3)), Check.EVENT_LOG, Verdict.GOOD),
        (
            replace(WELL, limits=replace(BETA, escrow_amount=None, total_volume=None)),
            Check.LIMITS,
            Verdict.BAD,
        ),
        (
            replace(
                WELL, limits=replace(BETA, escrow_amount=None, total_volume=None), settings=STAGENET
            ),
            Check.LIMITS,
            Verdict.WEAK,
        ),
        (
            replace(WELL, settings=replace(SETTINGS, metrics_port=0)),
            Check.MONITORING,
            Verdict.BAD,
        ),
        (replace(WELL, monitoring=replace(MONITORING, watched={})), Check.MONITORING, Verdict.BAD),
        (
            replace(WELL, monitoring=replace(MONITORING, watched={"a": True, "b": False})),
            Check.MONITORING,
            Verdict.BAD,
        ),
        (
            replace(WELL, monitoring=replace(MONITORING, alertmanagers=0)),
            Check.MONITORING,
            Verdict.BAD,
        ),
        (replace(WELL, disk=DiskFacts(1 << 29, 100 << 30)), Check.DISK, Verdict.BAD),
        (replace(WELL, disk=DiskFacts(3 << 30, 100 << 30)), Check.DISK, Verdict.BAD),
    ],
)
def test_each_fact_has_its_verdict(facts: Facts, check: Check, expected: Verdict) -> None:
    report = judge(facts)

    assert verdict(facts, check) is expected
    assert all(one.todo for one in report.findings if one.verdict is not Verdict.GOOD)
    assert report.score <= 100


@pytest.mark.parametrize(
    ("facts", "checks"),
    [
        (replace(WELL, framework=DARK), {Check.SETTINGS}),
        (replace(WELL, database=DARK), {Check.DATABASE}),
        (replace(WELL, working=DARK), {Check.WORK}),
        (replace(WELL, node=DARK), {Check.NODE, Check.NODE_VERSION, Check.NODE_SYNC}),
        (replace(WELL, wallet_rpc=DARK), {Check.WALLET_RPC}),
        (replace(WELL, entrance=DARK), {Check.ENTRANCE}),
        (replace(WELL, officers=DARK), {Check.SECOND_FACTORS}),
        (replace(WELL, keyring=DARK), {Check.KEYRING}),
        (replace(WELL, last_backup=DARK), {Check.BACKUP}),
        (replace(WELL, audit=DARK), {Check.EVENT_LOG}),
        (replace(WELL, limits=DARK), {Check.LIMITS}),
        (replace(WELL, monitoring=replace(MONITORING, watched=DARK)), {Check.MONITORING}),
        (replace(WELL, monitoring=replace(MONITORING, metrics=DARK)), {Check.MONITORING}),
        (replace(WELL, monitoring=replace(MONITORING, alertmanagers=DARK)), {Check.MONITORING}),
        (replace(WELL, disk=DARK), {Check.DISK}),
    ],
)
def test_what_could_not_be_found_out_is_neither_well_nor_ill(
    facts: Facts, checks: set[Check]
) -> None:
    report = judge(facts)

    unknown = {one.check for one in report.findings if one.verdict is Verdict.UNKNOWN}
    assert unknown == checks
    assert report.verdict is Verdict.UNKNOWN
    missing = sum(WEIGHTS[check] for check in checks)
    assert report.score == 100 * (sum(WEIGHTS.values()) - missing) // sum(WEIGHTS.values())


def test_settings_that_cannot_be_read_leave_everything_else_open() -> None:
    report = judge(unseen(Faulty("TRIPARTITE_PORT must be a number."), files=(), at=NOW))

    first, *others = report.findings
    assert (first.check, first.verdict) == (Check.SETTINGS, Verdict.BAD)
    assert "TRIPARTITE_PORT" in first.todo
    assert {one.verdict for one in others} == {Verdict.UNKNOWN}
    assert report.score == 0


def test_a_chain_made_on_demand_tells_no_time() -> None:
    regtest = replace(SETTINGS, network=Network.REGTEST)
    node = replace(NODE, network=Network.REGTEST, block_age_seconds=9e9, synchronized=False)
    database = replace(DATABASE, ahead_seconds=None)

    facts = replace(WELL, settings=regtest, node=node, database=database)

    assert verdict(facts, Check.CLOCK) is Verdict.UNKNOWN
    assert verdict(facts, Check.NODE_SYNC) is Verdict.GOOD


def test_the_worst_stands_first() -> None:
    facts = replace(
        WELL,
        last_backup=None,
        disk=DARK,
        entrance=CertificateFacts(9.0),
        audit=AuditFacts(None, None, "Event 3 is missing.", None),
    )

    order = [one.verdict for one in judge(facts).findings]

    assert order[:4] == [Verdict.TAMPERED, Verdict.BAD, Verdict.UNKNOWN, Verdict.WEAK]
    assert set(order[4:]) == {Verdict.GOOD}
