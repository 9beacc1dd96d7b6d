"""The findings as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from tripartite.domain.money import format_xmr
from tripartite.validation.figures import Course, Findings, Phase, course_wrongs, name_of
from tripartite.validation.plan import Ending
from tripartite.validation.report import when

WIDTH: Final = 720.0
"""Of every chart's drawing area, in its own units."""
ROW: Final = 26.0
_THIN_ROW: Final = 7.0
_LEAST_BAR: Final = 1.5
"""What is quick must still be seen."""

_TONES: Final = {
    Ending.RELEASE: "blue",
    Ending.REFUND: "orange",
    Ending.SETTLEMENT: "teal",
    Ending.CANCELLATION: "grey",
    Ending.RULING_SPLIT: "violet",
    Ending.RULING_FOR_BUYER: "violet",
    Ending.RULING_FOR_VENDOR: "violet",
}
"""One colour for all rulings: seven could not be told apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a chart, with what it says when it is pointed at."""

    x: float
    y: float
    width: float
    tone: str
    says: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    x: float
    label: str


def render(findings: Findings) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("tripartite.validation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["xmr"] = format_xmr
    longest = max((one.p95 for one in findings.phases), default=0.0)
    return environment.get_template("report.html").render(
        findings=findings,
        began=when(findings.began),
        money=findings.money,
        width=WIDTH,
        row=ROW,
        thin=_THIN_ROW,
        phase_bars=phase_bars(findings.phases),
        phase_ticks=ticks(longest),
        course_bars=course_bars(findings),
        course_ticks=ticks(_span(findings.courses)[1]),
        legend=sorted({(_TONES[one], _group(one)) for one in findings.endings}),
        wrongs={id(one): course_wrongs(one, findings.income) for one in findings.courses},
        identity=id,
    )


def phase_bars(phases: Sequence[Phase]) -> list[tuple[Phase, Bar, Bar]]:
    """For each phase the bar of its p95, and before it that of its p50."""
    longest = max((one.p95 for one in phases), default=0.0) or 1.0
    rows = []
    for place, one in enumerate(phases):
        wide, narrow = (
            Bar(0.0, place * ROW, max(value / longest * WIDTH, _LEAST_BAR), tone, says)
            for value, tone, says in (
                (one.p95, "pale", f"p95 {one.p95:.1f} s"),
                (one.p50, "blue", f"p50 {one.p50:.1f} s"),
            )
        )
        rows.append((one, wide, narrow))
    return rows


def course_bars(findings: Findings) -> list[Bar]:
    """One bar per escrow, from its beginning to its end, in the order of their beginnings."""
    start, span = _span(findings.courses)
    scale = WIDTH / (span or 1.0)
    ordered = sorted(findings.courses, key=lambda one: one.began)
    return [
        Bar(
            x=(one.began - start) * scale,
            y=place * _THIN_ROW,
            width=max((one.ended - one.began) * scale, _LEAST_BAR),
            tone=_TONES[one.order.ending],
            says=f"{name_of(one)}: {one.ended - one.began:.0f} s",
            wrong=bool(course_wrongs(one, findings.income)),
        )
        for place, one in enumerate(ordered)
    ]


def ticks(longest: float, *, most: int = 6) -> list[Tick]:
    """Round numbers of seconds from 0 on, not above ``longest``."""
    if longest <= 0:
        return [Tick(0.0, "0 s")]
    step = next(
        size
        for size in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 36_000)
        if longest / size <= most or size == 36_000
    )
    count = int(longest / step)
    return [Tick(one * step / longest * WIDTH, _seconds(one * step)) for one in range(count + 1)]


def _seconds(value: float) -> str:
    return f"{value:g} s" if value < 120 else f"{value / 60:g} min"


def _span(courses: Iterable[Course]) -> tuple[float, float]:
    """When the first began, and the seconds from then to the last end."""
    began = [one.began for one in courses]
    ended = [one.ended for one in courses]
    return (min(began), max(ended) - min(began)) if began else (0.0, 0.0)


def _group(ending: Ending) -> str:
    return "ruling" if ending.is_ruling else ending.value
