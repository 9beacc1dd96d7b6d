"""From facts to findings. Pure: ``looking`` does the looking.

Each ``judge_…`` judges one thing and says at least one sentence about it, so that nobody takes
silence for health.
"""

from __future__ import annotations

from tripartite.coordinator.doctor.chain import judge_clock, judge_node, judge_wallet_rpc
from tripartite.coordinator.doctor.facts import Facts, SettingsFacts
from tripartite.coordinator.doctor.machine import (
    judge_disk,
    judge_entrance,
    judge_files,
    judge_monitoring,
    judge_openness,
    judge_settings,
)
from tripartite.coordinator.doctor.records import (
    judge_backup,
    judge_database,
    judge_event_log,
    judge_keyring,
    judge_limits,
    judge_officers,
    judge_working,
)
from tripartite.coordinator.doctor.report import Report, sorted_report
from tripartite.domain.parties import Network


def judge(facts: Facts) -> Report:
    """Everything there is to say about an installation."""
    known = facts.settings if isinstance(facts.settings, SettingsFacts) else None
    network = Network.MAINNET if known is None else known.network
    findings = [
        *judge_settings(facts),
        *judge_files(facts.files),
        *judge_entrance(known, facts.entrance),
        *judge_openness(known),
        *judge_database(facts.database),
        *judge_working(facts.working),
        *judge_node(known, facts.node),
        *judge_wallet_rpc(network, facts.wallet_rpc),
        *judge_clock(network, facts.database, facts.node),
        *judge_officers(facts),
        *judge_keyring(facts.keyring),
        *judge_backup(facts),
        *judge_event_log(facts),
        *judge_limits(network, facts),
        *judge_monitoring(facts),
        *judge_disk(facts),
    ]
    return sorted_report(findings, looked_at=facts.looked_at)
