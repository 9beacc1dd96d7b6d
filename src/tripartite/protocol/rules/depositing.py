"""Rules of what wallets report about the deposit."""

from __future__ import annotations

from dataclasses import replace

from tripartite.domain.deposits import is_funded
from tripartite.domain.lifecycle import Event, MoveNotOpen, Teller, is_open
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


def _arrived(record: Record, event: Event) -> Applied:
    """What the wallets say of the deposit changes the state. Late money goes back to the buyer."""
    if event is Event.DEPOSIT_ARRIVED_LATE:
        payout = Payout(event=event, builder=Role.VENDOR, cosigner=Role.BUYER)
        record = replace(record, payout=payout)
    return step(record, event, by=Teller.WALLETS)
