"""The findings as JSON, for programs and archives, and as a few tables, for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tripartite.domain.money import format_xmr
from tripartite.validation.figures import Course, Findings, course_wrongs

VERSION = 1
"""Of the JSON's form; a change that readers notice raises it."""


def to_json(findings: Findings) -> dict[str, object]:
    """Plain values: money as decimal strings of piconero, times in seconds, dates in UTC."""
    money = findings.money
    return {
        "version": VERSION,
        "passed": findings.passed,
        "deviations": list(findings.deviations),
        "network": findings.network,
        "transactions": findings.transactions,
        "at_once": findings.at_once,
        "seed": findings.seed,
        "began": when(findings.began),
        "seconds": round(findings.seconds, 3),
        "facts": dict(findings.facts),
        "endings": {
            ending.value: {"ordered": ordered, "came": came}
            for ending, (ordered, came) in findings.endings.items()
        },
        "phases": {
            one.name: {
                "count": one.count,
                "p50": round(one.p50, 3),
                "p95": round(one.p95, 3),
                "longest": round(one.longest, 3),
            }
            for one in findings.phases
        },
        "money": {
            "paid_in": str(money.paid_in),
            "received": {who.value: str(amount) for who, amount in money.received.items()},
            "network_fees": str(money.fees),
            "difference": str(money.difference),
            "stray": str(money.stray),
        },
        "scenarios": [
            {
                "name": one.name,
                "passed": not one.wrong,
                "seconds": round(one.seconds, 3),
                "seen": list(one.seen),
                "wrong": list(one.wrong),
            }
            for one in findings.scenarios
        ],
        "escrows": [_course(one, findings) for one in findings.courses],
    }


def _course(course: Course, findings: Findings) -> dict[str, object]:
    order = course.order
    return {
        "part": course.part,
        "number": order.number,
        "ending": order.ending.value,
        "escrow_id": course.escrow_id,
        "state": None if course.state is None else course.state.value,
        "amount": str(order.amount),
        "paid_in": str(course.paid_in),
        "network_fee": str(course.fee),
        "txid": course.txid,
        "began": when(course.began),
        "seconds": {name: round(seconds, 3) for name, seconds in course.phases.items()},
        "wrong": course_wrongs(course, findings.income),
    }


def as_tables(findings: Findings) -> RenderableType:
    """What a person wants to know first, and the verdict last."""
    return Group(
        _endings(findings),
        "",
        _phases(findings),
        "",
        _scenarios(findings),
        "",
        _money(findings),
        "",
        *_verdict(findings),
    )


def _endings(findings: Findings) -> Table:
    table = Table("ending", title="Escrows", title_justify="left")
    for column in ("ordered", "came so"):
        table.add_column(column, justify="right")
    for ending, (ordered, came) in findings.endings.items():
        table.add_row(ending.value, str(ordered), str(came))
    return table


def _phases(findings: Findings) -> Table:
    table = Table("phase", title="Seconds per phase", title_justify="left")
    for column in ("escrows", "p50", "p95", "longest"):
        table.add_column(column, justify="right")
    for one in findings.phases:
        figures = (f"{value:.1f}" for value in (one.p50, one.p95, one.longest))
        table.add_row(one.name, str(one.count), *figures)
    return table


def _scenarios(findings: Findings) -> Table:
    table = Table("trial", "result", "seen", title="Trials", title_justify="left")
    for one in findings.scenarios:
        result = Text("wrong", style="red") if one.wrong else Text("passed", style="green")
        table.add_row(one.name, result, "\n".join(one.seen))
    return table


def _money(findings: Findings) -> Table:
    money = findings.money
    table = Table("money", title="Money, in XMR", title_justify="left")
    table.add_column("", justify="right")
    table.add_row("paid in", format_xmr(money.paid_in))
    for who, amount in money.received.items():
        table.add_row(f"arrived at the {who.value}'s wallet", format_xmr(amount))
    table.add_row("network fees of the payouts", format_xmr(money.fees))
    table.add_row("difference, piconero", str(money.difference))
    return table


def _verdict(findings: Findings) -> list[Text]:
    minutes = f"{findings.seconds / 60:.1f} minutes"
    if findings.passed:
        return [Text(f"Passed in {minutes}: nothing deviates.", style="green")]
    lines = [Text(f"Wrong: {one}", style="red") for one in findings.deviations]
    return [*lines, Text(f"NOT passed, after {minutes}: see above.", style="red")]


def when(unix: float) -> str:
    """RFC 3339, to the second."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
