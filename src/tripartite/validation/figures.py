"""What came of a validation, as figures and as a verdict. Pure.

A *course* is one escrow, from its proposal to its end. ``verdict`` says everything that isn't as it
has to be; nothing is excused, and an escrow that never came to its end counts with its money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tripartite.domain.lifecycle import State
from tripartite.domain.settlement import Recipient, net_of_fee
from tripartite.validation.plan import Ending, Order

Income = Mapping[Recipient, Mapping[str, int]]
"""What each one's own wallet got: piconero by transaction id."""

SETUP_LIMIT: Final = 12.0
"""Seconds per set-up: the specification asks for 50 escrows in 10 minutes."""
LEAST_LOAD_LIMIT: Final = 60.0
"""Seconds that even a few set-ups may take: the first and the last of them wait for nobody."""
KEYS_LIMIT: Final = 5.0
"""Seconds from signed terms to attested address, in the median, while escrows come at that pace."""
KEYS: Final = "make the 2-of-3 wallet"
MIX: Final = "escrow"
"""The part of a validation in which nobody is away on purpose: its times are the figures."""


@dataclass(frozen=True, slots=True)
class Course:
    """One escrow. Money in piconero, ``phases`` in seconds, ``began`` and ``ended`` Unix seconds.

    ``txids`` are all payouts that were ever announced for it. ``trouble`` says why it never came to
    its end; None if it did.
    """

    part: str
    order: Order
    escrow_id: str | None
    state: State | None
    address: str | None
    paid_in: int
    txids: tuple[str, ...]
    fee: int
    phases: Mapping[str, float]
    began: float
    ended: float
    trouble: str | None = None

    @property
    def txid(self) -> str | None:
        """The payout."""
        return self.txids[-1] if self.txids else None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named trial: what was seen in it, and what wasn't as it has to be."""

    name: str
    seconds: float
    seen: tuple[str, ...]
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """How long a part of an escrow took, in seconds."""

    name: str
    count: int
    p50: float
    p95: float
    longest: float


@dataclass(frozen=True, slots=True)
class Money:
    """In and out, in piconero. ``stray`` is income that no escrow of ours explains."""

    paid_in: int
    received: Mapping[Recipient, int]
    fees: int
    stray: int

    @property
    def difference(self) -> int:
        """What is missing (above 0) or too much: 0, or something is wrong."""
        return self.paid_in - sum(self.received.values()) - self.fees


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found. ``troubles`` are crashes in logs and the like."""

    network: str
    transactions: int
    at_once: int
    seed: int
    began: float
    seconds: float
    courses: tuple[Course, ...]
    scenarios: tuple[Scenario, ...]
    income: Income
    troubles: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """How long each phase took in the mix; a trial's times are its own."""
        return phase_table(one for one in self.courses if one.part == MIX)

    @property
    def money(self) -> Money:
        """In and out."""
        return count_money(self.courses, self.income)

    @property
    def endings(self) -> Mapping[Ending, tuple[int, int]]:
        """For each ending: how many escrows were to end so, and how many did."""
        wanted = Counter(one.order.ending for one in self.courses)
        came = Counter(one.order.ending for one in self.courses if not course_wrongs(one, {}))
        return {one: (wanted[one], came[one]) for one in Ending if wanted[one]}

    @property
    def deviations(self) -> tuple[str, ...]:
        """Everything that isn't as it has to be; none means passed."""
        return verdict(self)

    @property
    def passed(self) -> bool:
        """Whether nothing deviates."""
        return not self.deviations


def percentile(values: Iterable[float], per_cent: int) -> float:
    """The smallest value that so many per cent of all values don't exceed (nearest rank).

    0.0 for no values at all.
    """
    ranked = sorted(values)
    if not ranked:
        return 0.0
    rank = -(-per_cent * len(ranked) // 100)  # rounded up
    return ranked[max(rank, 1) - 1]


def phase_table(courses: Iterable[Course]) -> tuple[Phase, ...]:
    """One row per phase, in the order in which they first come."""
    times: dict[str, list[float]] = {}
    for course in courses:
        for name, seconds in course.phases.items():
            times.setdefault(name, []).append(seconds)
    return tuple(
        Phase(name, len(them), percentile(them, 50), percentile(them, 95), max(them))
        for name, them in times.items()
    )


def count_money(courses: Sequence[Course], income: Income) -> Money:
    """Sum up what went in, what arrived by our payouts, and what the network took."""
    ours = {txid for course in courses for txid in course.txids}
    received = {
        who: sum(amount for txid, amount in income.get(who, {}).items() if txid in ours)
        for who in Recipient
    }
    stray = sum(
        amount for got in income.values() for txid, amount in got.items() if txid not in ours
    )
    return Money(
        paid_in=sum(course.paid_in for course in courses),
        received=received,
        fees=sum(course.fee for course in courses),
        stray=stray,
    )


def course_wrongs(course: Course, income: Income) -> list[str]:
    """What isn't as it has to be in one escrow; of its money only if ``income`` is given."""
    wrong: list[str] = []
    if course.trouble is not None:
        wrong.append(course.trouble)
    elif course.state is not course.order.ending.state:
        stands = "nowhere" if course.state is None else course.state.value
        wrong.append(f"it is {stands} and not {course.order.ending.state.value}")
    if len(set(course.txids)) > 1:
        wrong.append(f"{len(set(course.txids))} payouts were announced")
    if income and course.paid_in and course.trouble is None:
        wrong += _money_wrongs(course, income)
    return [f"{name_of(course)}: {one}" for one in wrong]


def _money_wrongs(course: Course, income: Income) -> list[str]:
    split = course.order.split(course.paid_in)
    if split is None:
        return ["money went into an escrow that was to be called off"]
    due = net_of_fee(split, course.fee, course.order.fees.bearer).parts
    got = tuple(income.get(who, {}).get(course.txid or "", 0) for who in Recipient)
    return [
        f"the {who.value} got {came} piconero and not {should}"
        for who, came, should in zip(Recipient, got, due, strict=True)
        if came != should
    ]


def most_at_once(courses: Iterable[Course]) -> int:
    """How many escrows were open at the same time, at the most."""
    steps = sorted(
        step for one in courses for step in ((one.began, 1), (one.ended, -1)) if one.ended
    )
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def name_of(course: Course) -> str:
    """What an escrow is called in a report."""
    return f"{course.part} {course.order.number} ({course.order.ending.value})"


def verdict(findings: Findings) -> tuple[str, ...]:
    """Everything that isn't as it has to be."""
    wrong: list[str] = []
    for course in findings.courses:
        wrong += course_wrongs(course, findings.income)
    addresses = Counter(one.address for one in findings.courses if one.address is not None)
    wrong += [
        f"{count} escrows share the deposit address {address}"
        for address, count in addresses.items()
        if count > 1
    ]
    money = findings.money
    if money.difference:
        wrong.append(f"{money.difference} piconero went in that neither arrived nor were a fee")
    if money.stray:
        wrong.append(f"{money.stray} piconero arrived that no escrow explains")
    for scenario in findings.scenarios:
        wrong += [f"{scenario.name}: {one}" for one in scenario.wrong]
    wrong += [f"in the logs: {one}" for one in findings.troubles]
    return tuple(wrong)
