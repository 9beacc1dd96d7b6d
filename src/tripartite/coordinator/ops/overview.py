"""The figures of ``/metrics`` for people: what an admin sees without Grafana.

Read from the same functions, so the two can't differ. ``render`` gives a fragment that a page
includes; it is for admins alone, which is for that page to see to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.template import Context, Engine

from tripartite.coordinator.ops.health import checks
from tripartite.coordinator.ops.metrics import facts

_TEMPLATES: Final = Path(__file__).parent / "templates"
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
        Group("Health", tuple(_health(data_dir))),
        Group("Escrows", tuple(_escrows())),
        Group("Work", tuple(_work())),
        Group("Agents", tuple(_agents())),
        Group("Our node", tuple(_node())),
    )


def render(groups: tuple[Group, ...]) -> str:
    """The figures as an HTML fragment: sections with tables, no scripts and no styles."""
    engine = Engine(dirs=[str(_TEMPLATES)])
    return engine.get_template("ops/figures.html").render(Context({"groups": groups}))


def _health(data_dir: Path) -> Iterator[Figure]:
    for check in checks():
        yield Figure(check.name, "ok" if check.passed else check.why, wrong=not check.passed)
    audit = facts.audit_state()
    yield Figure("event log", "intact" if audit.intact else "ALTERED", wrong=not audit.intact)
    age = audit.checked_seconds
    yield Figure(
        "event log last checked as a whole",
        "not yet" if age is None else f"{_duration(age)} ago",
        wrong=age is not None and age > _OLD_CHECK,
    )
    backup = facts.backup_age(data_dir)
    yield Figure(
        "last backup",
        "never" if backup == float("inf") else f"{_duration(backup)} ago",
        wrong=backup > _OLD_BACKUP,
    )


def _escrows() -> Iterator[Figure]:
    counts = facts.escrow_counts()
    silent = facts.silent_escrows()
    kept_out = facts.maintenance()
    yield Figure("new ones", "none: maintenance" if kept_out else "taken", wrong=kept_out)
    yield Figure("all", str(sum(count.number for count in counts.values())))
    for state, count in counts.items():
        yield Figure(state.value, str(count.number))
    yield Figure("payouts without news for 6 hours", str(silent.stuck), wrong=silent.stuck > 0)
    yield Figure(
        "to be taken up by a person", str(silent.in_recovery), wrong=silent.in_recovery > 0
    )


def _work() -> Iterator[Figure]:
    work = facts.work_queue()
    yield Figure("due", str(work.depth))
    yield Figure(
        "oldest due since", _duration(work.oldest_seconds), wrong=work.oldest_seconds > _OLD_WORK
    )
    failing = facts.failing_work()
    yield Figure("failing", str(failing), wrong=failing > 0)
    webhooks = facts.webhook_backlog()
    yield Figure("news waiting to be delivered", str(webhooks.depth))
    yield Figure(
        "oldest waiting since",
        _duration(webhooks.oldest_seconds),
        wrong=webhooks.oldest_seconds > _OLD_NEWS,
    )
    events, age = facts.event_log()
    yield Figure("events", str(events))
    yield Figure("last event", "none yet" if age is None else f"{_duration(age)} ago")


def _agents() -> Iterator[Figure]:
    missing = facts.agents_missing()
    for role, number in facts.agents_online().items():
        yield Figure(f"{role.value} online", str(number))
        yield Figure(f"{role.value} missing for a day", str(missing[role]), wrong=missing[role] > 0)


def _node() -> Iterator[Figure]:
    node = facts.node_state()
    behind = node.target_height - node.height
    yield Figure("reachable", "yes" if node.reachable else "no", wrong=not node.reachable)
    yield Figure("height", str(node.height))
    yield Figure("blocks behind", str(behind), wrong=behind > _BLOCKS_BEHIND)


def _duration(seconds: float) -> str:
    """``2 days, 3:04:05``."""
    return str(timedelta(seconds=round(seconds)))
