"""A whole validation: the mix, ten at once, then the named trials, then the count of everything."""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tripartite.devnet import programs
from tripartite.devnet.ground import Ground
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Network
from tripartite.domain.settlement import Recipient
from tripartite.validation import trials
from tripartite.validation.figures import (
    MIX,
    Course,
    Findings,
    Income,
    Scenario,
    course_wrongs,
    most_at_once,
    name_of,
)
from tripartite.validation.floor import Floor, Say
from tripartite.validation.plan import Order, draw
from tripartite.validation.trading import carry_out

# Far more than anything takes. On a public network a deposit alone is ten blocks of two minutes.
PATIENCE: Final = {Network.REGTEST: 600.0}
PATIENCE_ELSEWHERE: Final = 4 * 3_600.0

_FIRST_SECONDS: Final = 300.0
"""The agents may take so long until each has a wallet for everyone who begins at once."""
_NEXT_SECONDS: Final = 10.0
"""Whoever comes later waits at most so long for one."""
_INCOME_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``load`` set-ups come on top of the ``transactions``; 0 for none."""

    transactions: int = 100
    at_once: int = 10
    load: int = 50
    seed: int = 1
    trials: bool = True


def pace(at_once: int) -> tuple[str, ...]:
    """The words of ``agent run`` for so many escrows at once.

    A wallet-rpc for each of them, so that none has to be opened twice; as many wallets made ahead.
    What has its money, or is over, isn't looked at again before we are done.
    """
    slots = min(at_once + 2, 32)
    return (
        "--watch-seconds", "1", "--guard-seconds", "86400", "--prepared", str(at_once),
        "--wallets", str(slots), "--page-port", "0",
    )  # fmt: skip


def validate(ground: Ground, plan: Plan, say: Say) -> Findings:
    """Carry out the plan. Nothing that goes wrong in an escrow is raised: it is a finding."""
    began, clock = time.time(), time.monotonic()
    patience = PATIENCE.get(ground.network, PATIENCE_ELSEWHERE)
    scenarios: list[Scenario] = []
    courses: list[Course] = []
    with Floor(ground, patience=patience, say=say) as floor:
        mixed = _mix(floor, plan)
        courses += mixed
        scenarios.append(_concurrency(mixed, plan))
        for scenario, more in _trials(floor, plan):
            scenarios.append(scenario)
            courses += more
            say(f"{scenario.name}: {'wrong' if scenario.wrong else 'seen'}")
        say("counting what arrived in everybody's own wallets")
        income, wrong = _income(ground, courses)
    scenarios.append(_record(ground))
    return Findings(
        network=ground.network.value,
        transactions=plan.transactions,
        at_once=plan.at_once,
        seed=plan.seed,
        began=began,
        seconds=time.monotonic() - clock,
        courses=tuple(courses),
        scenarios=tuple(scenarios),
        income=income,
        troubles=(*wrong, *ground.troubles(), *_locked(ground)),
        facts={
            "cores": str(os.cpu_count()),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
    )


def _mix(floor: Floor, plan: Plan) -> list[Course]:
    """All orders, so many at once; a thread is done with one before it begins the next."""
    counter = itertools.count(1)
    floor.say("the agents make wallets ahead")
    floor.wait_for_wallets(min(plan.at_once, plan.transactions), seconds=_FIRST_SECONDS)

    def one(order: Order) -> Course:
        floor.wait_for_wallets(1, seconds=_NEXT_SECONDS)
        course = carry_out(floor, order, MIX)
        wrong = course_wrongs(course, {})
        ended = "nowhere" if course.state is None else course.state.value
        floor.say(
            f"{next(counter)}/{plan.transactions} {name_of(course)}: {ended}, "
            f"{course.ended - course.began:.0f} s{' — WRONG' if wrong else ''}"
        )
        return course

    return floor.side_by_side(one, draw(plan.transactions, plan.seed), at_once=plan.at_once)


def _trials(floor: Floor, plan: Plan) -> Iterable[trials.Trial]:
    if plan.load:
        floor.say(f"load: {plan.load} set-ups, once the agents have wallets again")
        floor.wait_for_wallets(min(plan.at_once, plan.load), seconds=_FIRST_SECONDS)
        yield trials.load(floor, plan.load, plan.seed + 1)
    if not plan.trials:
        return
    floor.say("dispute and ruling, with evidence")
    yield trials.dispute(floor, 1, plan.seed + 2)
    floor.say("the coordinator starts again, its hours lasting seconds")
    with trials.hours_last_seconds(floor):
        floor.say("wallet RPCs die in a key exchange")
        yield trials.rpc_failure(floor, 1, plan.seed + 3)
        floor.say("a payout is stuck")
        yield trials.stuck(floor, 1, plan.seed + 4)


def _concurrency(courses: Sequence[Course], plan: Plan) -> Scenario:
    """The specification's first test: so many at once, each with a wallet of its own."""
    most, wanted = most_at_once(courses), min(plan.at_once, plan.transactions)
    addresses = {one.address for one in courses if one.address is not None}
    keyed = sum(one.address is not None for one in courses)
    wrong = []
    if most < wanted:
        wrong.append(f"at most {most} were open at once, not {wanted}")
    if len(addresses) != keyed:
        wrong.append(f"{keyed} escrows have only {len(addresses)} wallets")
    seconds = max(one.ended for one in courses) - min(one.began for one in courses)
    seen = (f"{most} open at once, {len(addresses)} wallets for {keyed} escrows",)
    return Scenario(f"{plan.transactions} escrows, {wanted} at once", seconds, seen, tuple(wrong))


def _income(ground: Ground, courses: Sequence[Course]) -> tuple[Income, list[str]]:
    """What arrived; asked again if a wallet hasn't seen the last block yet."""
    nothing: Income = {who: {} for who in Recipient}
    trouble: list[str] = []
    income = nothing
    for _ in range(_INCOME_TRIES):
        try:
            income, trouble = ground.income(), []
        except TripartiteError as error:
            trouble = [f"the receivers' wallets don't answer: {error.detail}"]
            continue
        if not any(course_wrongs(replace(one, trouble=None), income) for one in courses):
            break
    return income, trouble


def _record(ground: Ground) -> Scenario:
    """The coordinator's event log is whole, by its own command."""
    clock = time.monotonic()
    coordinator = ground.community.coordinator
    done = programs.run(
        "audit", "verify", directory=coordinator.directory, settings=coordinator.settings()
    )
    said = (done.stdout + done.stderr).strip().splitlines()[:1]
    whole = done.returncode == 0 and done.stdout.startswith("intact")
    wrong = () if whole else (f"audit verify ended with {done.returncode}",)
    return Scenario("the event log", time.monotonic() - clock, tuple(said), wrong)


def _locked(ground: Ground) -> list[str]:
    """Lines of logs about a locked database."""
    return [
        f"{log.relative_to(ground.directory)}: {line[:200]}"
        for log in sorted(ground.directory.rglob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if "database is locked" in line
    ]
