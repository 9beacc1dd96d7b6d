"""What the fault harness makes of escrows that failed: nobody is excused who wasn't cleared."""

from __future__ import annotations

from tests.faults import planning, table
from tests.faults.running import Ending
from tests.faults.switchboard import Kill, Point
from tests.faults.ways import Way

ONE, TWO, THREE = (Kill(Point("coordinator", f"step {n}: here"), "monerod") for n in "123")


def escrow(*struck: Kill, failed: bool = False, kills: tuple[Kill, ...] = ()) -> Ending:
    return Ending(
        way=Way.RELEASE,
        kills=kills or struck,
        struck=struck,
        points=(),
        faults=("stuck",) if failed else (),
        payouts=1,
        attempts=1,
        payout_restarts=0,
        alarms=(),
        seconds=1.0,
    )


def outcomes(*endings: Ending) -> list[str]:
    return [one.outcome for one in table.results([ONE, TWO, THREE], endings)]


def test_all_who_were_there_are_to_blame_for_what_nobody_explains() -> None:
    assert outcomes(escrow(ONE, TWO, failed=True)) == ["failed", "failed", "not made"]


def test_a_failure_alone_clears_the_others_once_they_survive() -> None:
    together, alone = escrow(ONE, TWO, failed=True), escrow(TWO, failed=True)

    assert outcomes(together, alone) == ["not made", "failed", "not made"]
    assert outcomes(together, alone, escrow(ONE)) == ["survived", "failed", "not made"]


def test_surviving_alone_explains_no_failure_together() -> None:
    endings = (escrow(ONE, TWO, failed=True), escrow(ONE), escrow(TWO))

    assert outcomes(*endings) == ["failed", "failed", "not made"]


def test_what_an_escrow_did_not_reach_is_made_again() -> None:
    ending = escrow(ONE, kills=(ONE, TWO))

    assert outcomes(ending) == ["survived", "not reached", "not made"]
    assert table.unmade([ONE, TWO, THREE], [ending]) == [TWO, THREE]


def test_a_cell_without_a_kill_comes_first() -> None:
    first = planning.first_of_cells([TWO, THREE], [TWO], table.cell_of, seed=0)

    assert first == [THREE]


def test_escrows_share_no_ways_and_lose_no_kill() -> None:
    refunded = [Kill(one.point, one.victim, Way.REFUND) for one in (ONE, TWO, THREE)]

    groups = planning.share_escrows([ONE, TWO, THREE, *refunded], 2)

    assert [len({kill.way for kill in group}) for group in groups] == [1, 1, 1, 1]
    assert sorted(kill for group in groups for kill in group) == sorted(
        [ONE, TWO, THREE, *refunded]
    )
