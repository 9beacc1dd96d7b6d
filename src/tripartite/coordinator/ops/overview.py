"""The figures of ``/metrics`` for people: what an admin sees without Grafana.

Read from the same functions, so the two can't differ. The template ``ops/figures.html`` shows them; it
is for admins alone, which is for the page that includes it to see to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from tripartite.coordinator.ops.health import checks
from tripartite.coordinator.ops.metrics import facts
from tripartite.domain import naming

# As in deploy/prometheus/tripartite-alerts.yml.
_OLD_BACKUP: Final = 2 * 86_400.0
_OLD_WORK: Final = 120.0
_OLD_NEWS: Final = 3_600.0
_OLD_CHECK: Final = 3 * 86_400.0
_BLOCKS_BEHIND: Final = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. ``wrong``: it needs a person's eyes."""

    label: str
    value: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together."""

    title: str
    figures: tuple[Figure, ...]


def overview(data_dir: Path) -> tuple[Group, ...]:
    """Everything, in the order in which one would look. Needs the database."""
    return (
        Group(_("Health"), tuple(_health(data_dir))),
        Group(_("Escrows"), tuple(_escrows())),
        Group(_("Work"), tuple(_work())),
        Group(_("Agents"), tuple(_agents())),
        Group(_("Our node"), tuple(_node())),
    )


def _health(data_dir: Path) -> Iterator[Figure]:
    for check in checks():
        told = _("ok") if check.passed else _(check.why)
        yield Figure(_(check.name), told, wrong=not check.passed)
    audit = facts.audit_state()
    yield Figure(
        _("event log"), _("intact") if audit.intact else _("ALTERED"), wrong=not audit.intact
    )
    age = audit.checked_seconds
    yield Figure(
        _("event log last checked as a whole"),
        _("not yet") if age is None else _ago(age),
        wrong=age is not None and age > _OLD_CHECK,
    )
    backup = facts.backup_age(data_dir)
    yield Figure(
        _("last backup"),
        _("never") if backup == float("inf") else _ago(backup),
        wrong=backup > _OLD_BACKUP,
    )


def _escrows() -> Iterator[Figure]:
    counts = facts.escrow_counts()
    silent = facts.silent_escrows()
    kept_out = facts.maintenance()
    yield Figure(_("new ones"), _("none: maintenance") if kept_out else _("taken"), wrong=kept_out)
    yield Figure(_("all"), str(sum(count.number for count in counts.values())))
    for state, count in counts.items():
        yield Figure(_(naming.STATES[state]), str(count.number))
    yield Figure(_("payouts without news for 6 hours"), str(silent.stuck), wrong=silent.stuck > 0)
    yield Figure(
        _("to be taken up by a person"), str(silent.in_recovery), wrong=silent.in_recovery > 0
    )


def _work() -> Iterator[Figure]:
    work = facts.work_queue()
    yield Figure(_("due"), str(work.depth))
    yield Figure(
        _("oldest due since"), _duration(work.oldest_seconds), wrong=work.oldest_seconds > _OLD_WORK
    )
    failing = facts.failing_work()
    yield Figure(_("failing"), str(failing), wrong=failing > 0)
    webhooks = facts.webhook_backlog()
    yield Figure(_("news waiting to be delivered"), str(webhooks.depth))
    yield Figure(
        _("oldest waiting since"),
        _duration(webhooks.oldest_seconds),
        wrong=webhooks.oldest_seconds > _OLD_NEWS,
    )
    events, age = facts.event_log()
    yield Figure(_("events"), str(events))
    yield Figure(_("last event"), _("none yet") if age is None else _ago(age))


def _agents() -> Iterator[Figure]:
    missing = facts.agents_missing()
    for role, number in facts.agents_online().items():
        named = {"role": _(role.value)}
        yield Figure(_("%(role)s online") % named, str(number))
        away = missing[role]
        yield Figure(_("%(role)s missing for a day") % named, str(away), wrong=away > 0)


def _node() -> Iterator[Figure]:
    node = facts.node_state()
    behind = node.target_height - node.height
    yield Figure(_("reachable"), _("yes") if node.reachable else _("no"), wrong=not node.reachable)
    yield Figure(_("height"), str(node.height))
    yield Figure(_("blocks behind"), str(behind), wrong=behind > _BLOCKS_BEHIND)


def _ago(seconds: float) -> str:
    return _("%(time)s ago") % {"time": _duration(seconds)}


def _duration(seconds: float) -> str:
    """``2 days, 3:04:05``."""
    return str(timedelta(seconds=round(seconds)))
