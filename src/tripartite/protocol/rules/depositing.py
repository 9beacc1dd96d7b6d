"""Rules of what wallets report about the deposit."""

from __future__ import annotations

from dataclasses import replace

from tripartite.domain.deposits import LEAST_LATE, Report, is_funded
from tripartite.domain.lifecycle import PAID_OUT, Event, MoveNotOpen, Teller, is_open
from tripartite.domain.parties import Role
from tripartite.protocol import bodies
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Payout, Record
from tripartite.protocol.rules.turns import Applied, step


def deposit_report(record: Record, message: Message) -> Applied:
    """What one wallet sees. Two together decide whether the deposit is there."""
    report = bodies.read_report(message.body)
    if record.address is None:
        raise MoveNotOpen("There is no deposit address yet, so nothing can have arrived.")
    if record.state in PAID_OUT:
        return _came_late(record, message.role, report)
    after = replace(record, reports={**record.reports, message.role: report})
    due = record.agreement.terms.amount_due
    told = {
        Event.DEPOSIT_CONFIRMED: is_funded(after.reports, due),
        Event.DEPOSIT_VANISHED: not is_funded(after.reports, due),
        Event.DEPOSIT_ARRIVED_LATE: is_funded(after.reports, 1),
    }
    possible = [event for event in told if is_open(record.state, event, by=Teller.WALLETS)]
    if not possible:
        raise MoveNotOpen(f"Nobody waits for a deposit while the escrow is {record.state.value}.")
    for event in possible:
        if told[event]:
            return _arrived(after, event)
    return after, ()


def _came_late(record: Record, role: Role, report: Report) -> Applied:
    """What one wallet holds that no payout took. Two reports of enough open a refund.

    The payouts that ended the escrow aren't watched any more: they say nothing of this money.
    """
    late = {**record.late, role: report}
    if not is_funded(late, LEAST_LATE):
        return replace(record, late=late), ()
    fresh = replace(
        record,
        reports=late,
        late={},
        offers={},
        disputed_by=None,
        broadcasts={},
        spends={},
        seen={},
    )
    return _arrived(fresh, Event.DEPOSIT_ARRIVED_LATE)


def _arrived(record: Record, event: Event) -> Applied:
    """What the wallets say of the deposit changes the state. Late money goes back to the buyer."""
    if event is Event.DEPOSIT_ARRIVED_LATE:
        attempt = 1 if record.payout is None else record.payout.attempt + 1
        payout = Payout(event=event, builder=Role.VENDOR, cosigner=Role.BUYER, attempt=attempt)
        record = replace(record, payout=payout)
    return step(record, event, by=Teller.WALLETS)
