"""Watching the chain: the deposit through the own wallet, the payout through the own node."""

from __future__ import annotations

from tripartite.agent.desk import Desk, Later, Outcome, Seen
from tripartite.agent.journal import StoredCase
from tripartite.agent.paying import escrow_wallet
from tripartite.agent.speaking import Say
from tripartite.agent.wallets.records import SlotsTaken
from tripartite.domain.deposits import UNLOCK_DEPTH, Report, tally
from tripartite.domain.lifecycle import Event, Teller, confirmed_by, is_open
from tripartite.protocol.bodies import read_broadcast, write_report
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.next_step import WatchPayout

_NOTHING = Report(confirmed=0, pending=0, locked=0, height=0)


def watch_deposit(desk: Desk, case: StoredCase) -> Outcome:
    """Report what the own wallet counts, whenever a sum changed; a new height alone isn't news."""
    terms = case.record.agreement.terms
    try:
        sighting = desk.wallets.deposits(escrow_wallet(desk, case))
    except SlotsTaken:
        # Key exchanges and payouts come first; the money is no less there for being seen later.
        return Later(deposit_pause(desk, case))
    counted = tally(
        sighting.outputs,
        chain_height=sighting.height,
        now_unix=sighting.timestamp,
        required_confirmations=terms.required_confirmations,
        amount=terms.amount_due,
    )
    report = Report(counted.confirmed, counted.pending, counted.locked, sighting.height)
    if _sums(report) != _sums(case.record.reports.get(case.role, _NOTHING)):
        return Say(Kind.DEPOSIT_REPORT, write_report(report))
    return Later(deposit_pause(desk, case))


def deposit_pause(desk: Desk, case: StoredCase) -> float:
    """Seconds between two looks at the wallet."""
    guarding = is_open(case.record.state, Event.DEPOSIT_VANISHED, by=Teller.WALLETS)
    return desk.pace.guarding if guarding else desk.pace.watching


def watch_payout(desk: Desk, case: StoredCase, step: WatchPayout) -> Outcome:
    """Ten confirmations on the own node end the escrow; a payout that vanished is sent again."""
    found = desk.node.get_transactions([step.txid], prune=True).found
    if not found:
        _send_again(desk, case, step.txid)
    elif found[0].confirmations >= UNLOCK_DEPTH:
        event = confirmed_by(case.record.state)
        if event is not None:
            return Seen(event)
    return Later(desk.pace.confirming)


def _send_again(desk: Desk, case: StoredCase, txid: str) -> None:
    """The signed transaction came with the message that announced it: no wallet is needed."""
    payout = case.record.payout
    assert payout is not None
    text = desk.journal.said(case.escrow_id, Kind.PAYOUT_BROADCAST, payout.cosigner)
    if text is None:
        return
    broadcast = read_broadcast(read_envelope(text))
    if broadcast.txid == txid:
        # Whether the node takes it shows in the next look; it may know better (already mined).
        desk.node.send_raw_transaction(broadcast.tx)


def _sums(report: Report) -> tuple[int, int, int]:
    return report.confirmed, report.pending, report.locked
