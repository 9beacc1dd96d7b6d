"""Waiting for facts."""

from __future__ import annotations

import pytest

from tripartite.devnet.waiting import FactNeverCame, name_of, until


def test_it_returns_when_the_fact_is_there() -> None:
    answers = iter([False, False, True])
    until(lambda: next(answers), seconds=10, poll_seconds=0)
    assert list(answers) == []


def test_who_waits_in_vain_reads_how_everything_stands() -> None:
    with pytest.raises(FactNeverCame, match="the vendor sleeps"):
        until(
            lambda: False,
            seconds=0,
            what="paid",
            report=lambda: "the vendor sleeps",
            poll_seconds=0,
        )


def test_a_fact_is_called_by_its_name() -> None:
    class Deal:
        def is_funded(self) -> bool:
            return False

    assert name_of(Deal().is_funded) == "is funded"
