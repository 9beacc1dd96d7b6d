"""An escrow that came to its end with an alarm left behind wasn't survived."""

from __future__ import annotations

import pytest

from tests.faults.alarms import harmless_codes, lasting
from tripartite.domain.parties import Role


def test_an_end_without_alarms_is_survival() -> None:
    assert lasting({}, {}, 0) == []


@pytest.mark.parametrize(
    "code",
    ["node_unreachable", "payout_overtaken", "key_exchange_wrong_round", "message_refused"],
)
def test_what_could_not_be_done_just_then_is_no_alarm(code: str) -> None:
    assert lasting({}, {Role.BUYER: [code]}, 0) == []


def test_an_agent_that_has_stopped_is_told_once() -> None:
    found = lasting({Role.ARBITER: "own_words_forged"}, {Role.ARBITER: ["own_words_forged"] * 2}, 0)

    assert found == ["the arbiter's agent has stopped: own_words_forged"]


@pytest.mark.parametrize("code", ["position_rewritten", "own_words_adopted", "nobody_knows_it"])
def test_an_alarm_that_a_person_has_to_look_at_counts(code: str) -> None:
    assert code not in harmless_codes()
    assert lasting({}, {Role.VENDOR: [code]}, 0) == [f"the vendor's agent has an alarm: {code}"]


def test_a_recovery_case_that_nobody_closes_counts() -> None:
    assert lasting({}, {}, 1) == ["a recovery case is still open"]
