"""Courses and findings to judge, made by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tripartite.domain.lifecycle import State
from tripartite.domain.settlement import Recipient, net_of_fee
from tripartite.validation.figures import Course, Findings, Income
from tripartite.validation.plan import Ending, Order, order

FEE = 2_000_000_000


def ordered(ending: Ending, number: int = 1) -> Order:
    return order(number, ending, random.Random(number))


def ended(
    ending: Ending = Ending.RELEASE,
    number: int = 1,
    *,
    state: State | None = None,
    phases: Mapping[str, float] | None = None,
    began: float = 0.0,
    lasted: float = 10.0,
    trouble: str | None = None,
    txids: tuple[str, ...] | None = None,
    address: str | None = None,
) -> Course:
    """An escrow that went as ordered, except for what is said."""
    told = ordered(ending, number)
    pays = ending is not Ending.CANCELLATION
    return Course(
        part="escrow",
        order=told,
        escrow_id=f"{number:032x}",
        state=state or ending.state,
        address=address or f"address {number}",
        paid_in=told.due if pays else 0,
        txids=txids if txids is not None else ((f"payout {number}",) if pays else ()),
        fee=FEE if pays else 0,
        phases=phases or {"the whole escrow": lasted},
        began=began,
        ended=began + lasted,
        trouble=trouble,
    )


def income_of(courses: Sequence[Course]) -> dict[Recipient, dict[str, int]]:
    """What has to arrive."""
    found: dict[Recipient, dict[str, int]] = {who: {} for who in Recipient}
    for course in courses:
        split = course.order.split(course.paid_in) if course.paid_in else None
        if split is not None and course.txid is not None:
            net = net_of_fee(split, course.fee, course.order.fees.bearer)
            for who, part in net.items():
                found[who][course.txid] = part
    return found


def findings(courses: Sequence[Course], income: Income | None = None) -> Findings:
    return Findings(
        network="regtest",
        transactions=len(courses),
        at_once=10,
        seed=1,
        began=0.0,
        seconds=60.0,
        courses=tuple(courses),
        scenarios=(),
        income=income_of(courses) if income is None else income,
    )
