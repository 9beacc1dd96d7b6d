"""What counts as wrong, and how figures are made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.validation.courses import FEE, ended, findings, income_of
from tripartite.domain.lifecycle import State
from tripartite.domain.settlement import Recipient
from tripartite.validation.figures import (
    Scenario,
    count_money,
    most_at_once,
    percentile,
    phase_table,
)
from tripartite.validation.plan import Ending

ALL = [ended(ending, number) for number, ending in enumerate(Ending, start=1)]


def test_nothing_deviates_where_everybody_got_what_is_due() -> None:
    found = findings(ALL)

    assert found.deviations == ()
    assert found.passed
    assert found.money.difference == 0
    assert found.money.fees == FEE * (len(ALL) - 1)
    assert found.endings == dict.fromkeys(Ending, (1, 1))


@pytest.mark.parametrize("change", [-1, 1])
def test_one_piconero_is_noticed(change: int) -> None:
    income = income_of(ALL)
    income[Recipient.VENDOR]["payout 1"] += change

    found = findings(ALL, income)

    assert found.money.difference == -change
    assert [one.split(":")[0] for one in found.deviations] == [
        "escrow 1 (release)",
        f"{-change} piconero went in that neither arrived nor were a fee",
    ]


def test_money_from_nowhere_is_noticed() -> None:
    income = income_of(ALL)
    income[Recipient.ARBITER]["somebody's"] = 5

    assert findings(ALL, income).deviations == ("5 piconero arrived that no escrow explains",)


def test_an_escrow_that_never_ends_is_a_deviation_and_its_money_is_missed() -> None:
    lost = ended(state=State.FUNDED, trouble="it never moved", txids=())
    lost = replace(lost, fee=0)

    found = findings([lost])

    assert found.money.difference == lost.paid_in
    assert found.deviations[0] == "escrow 1 (release): it never moved"
    assert found.endings == {Ending.RELEASE: (1, 0)}


def test_another_ending_than_the_ordered_one_is_a_deviation() -> None:
    found = findings([ended(Ending.CANCELLATION, state=State.AWAITING_DEPOSIT)])

    assert found.deviations == (
        "escrow 1 (cancellation): it is awaiting_deposit and not cancelled",
    )


def test_a_second_payout_is_a_deviation_and_the_same_said_twice_is_none() -> None:
    again = ended(txids=("payout 1", "payout 1"))
    assert findings([again], income_of([again])).passed

    twice = ended(txids=("another", "payout 1"))
    assert findings([twice], income_of([twice])).deviations == (
        "escrow 1 (release): 2 payouts were announced",
    )


def test_two_escrows_with_one_address_are_a_deviation() -> None:
    shared = [ended(number=1, address="4…"), ended(number=2, address="4…")]

    assert findings(shared).deviations == ("2 escrows share the deposit address 4…",)


def test_what_a_trial_or_a_log_says_counts() -> None:
    found = replace(
        findings([]),
        scenarios=(Scenario("load", 1.0, (), ("too slow",)),),
        troubles=("a crash",),
    )

    assert found.deviations == ("load: too slow", "in the logs: a crash")


def test_percentiles_are_values_that_came() -> None:
    values = [float(one) for one in range(1, 101)]

    assert percentile(values, 50) == 50.0
    assert percentile(values, 95) == 95.0
    assert percentile(values, 100) == 100.0
    assert percentile([3.0], 50) == percentile([3.0], 95) == 3.0
    assert percentile([1.0, 2.0, 10.0], 95) == 10.0
    assert percentile([], 95) == 0.0


def test_phases_are_told_over_all_escrows_that_had_them() -> None:
    table = phase_table(
        [ended(phases={"a": 1.0, "b": 5.0}), ended(phases={"a": 3.0}), ended(phases={"a": 2.0})]
    )

    assert [(one.name, one.count, one.p50, one.longest) for one in table] == [
        ("a", 3, 2.0, 3.0),
        ("b", 1, 5.0, 5.0),
    ]


def test_escrows_that_touch_are_not_open_at_once() -> None:
    one_after_another = [ended(began=0.0), ended(began=10.0), ended(began=20.0)]
    assert most_at_once(one_after_another) == 1
    assert most_at_once([*one_after_another, ended(began=5.0)]) == 2
    assert most_at_once([]) == 0


def test_a_payout_said_twice_is_counted_once() -> None:
    course = ended(txids=("payout 1", "payout 1"))

    assert count_money([course], income_of([course])).difference == 0


def test_a_trial_in_which_somebody_is_away_does_not_spoil_the_figures() -> None:
    slow = replace(ended(phases={"sign the payout": 90.0}), part="stuck release and recovery")
    quick = ended(number=2, phases={"sign the payout": 2.0})

    (phase,) = findings([slow, quick]).phases

    assert (phase.count, phase.longest) == (1, 2.0)
