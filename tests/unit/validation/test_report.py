"""The report, in its three forms."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

from rich.console import Console

from tests.unit.validation.courses import ended, findings, income_of
from tripartite.domain.settlement import Recipient
from tripartite.validation.figures import Scenario
from tripartite.validation.page import WIDTH, course_bars, phase_bars, render, ticks
from tripartite.validation.plan import Ending
from tripartite.validation.report import as_tables, to_json

COURSES = [ended(one, number, began=3.0 * number) for number, one in enumerate(Ending, start=1)]
GOOD = replace(
    findings(COURSES), scenarios=(Scenario("load: 3 escrows", 9.0, ("3 of 3 <set-ups>",)),)
)
BAD = replace(GOOD, troubles=("a crash in <b>monerod</b>",))


def test_the_json_has_money_as_text_and_says_whether_it_passed() -> None:
    told = json.loads(json.dumps(to_json(GOOD)))

    assert told["passed"] is True
    assert told["deviations"] == []
    assert told["money"]["difference"] == "0"
    received = sum(int(one) for one in told["money"]["received"].values())
    assert received + int(told["money"]["network_fees"]) == int(told["money"]["paid_in"])
    assert told["endings"]["ruling, split"] == {"ordered": 1, "came": 1}
    assert len(told["escrows"]) == len(Ending)
    assert told["phases"]["the whole escrow"]["p95"] == 10.0
    assert json.loads(json.dumps(to_json(BAD)))["passed"] is False


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    page = render(GOOD)

    assert "Passed: nothing deviates." in page
    assert "<script" not in page
    assert re.findall(r"\b(?:src|href)=|url\(|@import", page) == []
    assert "default-src 'none'" in page
    assert page.count("<svg") >= 2
    assert page.count("<rect") > len(COURSES)
    assert "3 of 3 &lt;set-ups&gt;" in page


def test_the_page_of_a_failure_says_what_deviates_and_marks_it() -> None:
    income = income_of(COURSES)
    income[Recipient.VENDOR]["payout 1"] -= 7

    page = render(replace(BAD, income=income))

    assert "Not passed: 3 deviations." in page
    assert "a crash in &lt;b&gt;monerod&lt;/b&gt;" in page
    assert ' wrong"' in page
    assert "7 piconero" in page


def test_a_validation_that_never_began_still_has_a_page() -> None:
    assert "Not passed" in render(replace(findings([]), troubles=("the node died",)))


def test_charts_fill_their_width_and_no_more() -> None:
    bars = course_bars(GOOD)
    assert min(bar.x for bar in bars) == 0.0
    assert max(bar.x + bar.width for bar in bars) <= WIDTH + 1e-9
    assert [bar.x for bar in bars] == sorted(bar.x for bar in bars)

    ((_, wide, narrow),) = phase_bars(GOOD.phases)
    assert narrow.width <= wide.width == WIDTH


def test_the_scale_has_a_few_round_numbers() -> None:
    assert [one.label for one in ticks(17.0)] == ["0 s", "5 s", "10 s", "15 s"]
    assert [one.label for one in ticks(1_500.0)] == [
        "0 s",
        "5 min",
        "10 min",
        "15 min",
        "20 min",
        "25 min",
    ]
    assert ticks(17.0)[-1].x < WIDTH
    assert [one.label for one in ticks(0.0)] == ["0 s"]
    assert len(ticks(90_000.0)) == 3


def test_the_terminal_shows_the_verdict_last() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(as_tables(BAD))
    text = console.export_text()

    assert "Wrong: in the logs: a crash" in text
    assert text.strip().splitlines()[-1].startswith("NOT passed, after 1.0 minutes")
