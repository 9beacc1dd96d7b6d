"""Watching the chain: the deposit through the own wallet, the payout through the own node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from tripartite.agent.broadcasts import look_at_broadcasts
from tripartite.agent.desk import Desk, Later, Outcome
from tripartite.agent.journal import Freeze, StoredCase
from tripartite.agent.late_money import watch_late
from tripartite.agent.paying import escrow_wallet
from tripartite.agent.speaking import Say
from tripartite.agent.wallets.records import SlotsTaken
from tripartite.domain.deposits import Output, Report, judge_parts, tally
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import PAID_OUT, Event, Teller, is_open
from tripartite.protocol.bodies import write_report
from tripartite.protocol.envelope import Kind

_PARTS: Final = "parts/"


class PayoutNotTaken(Refused):
    """No node knows the payout that was announced, and ours refuses it."""

    code: ClassVar[str] = "payout_not_taken"


_NOTHING = Report(confirmed=0, pending=0, locked=0, height=0)


def watch_deposit(desk: Desk, case: StoredCase) -> Outcome:
    """Report what the own wallet counts, whenever a sum changed; a new height alone isn't news."""
    if case.record.state in PAID_OUT:
        return watch_late(desk, case)
    terms = case.record.agreement.terms
    try:
        sighting = desk.wallets.deposits(escrow_wallet(desk, case))
    except SlotsTaken:
        # Key exchanges and payouts come first; the money is no less there for being seen later.
        return Later(deposit_pause(desk, case), looked=False)
    _warn_of_many_parts(desk, case, sighting.outputs)
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


def _warn_of_many_parts(desk: Desk, case: StoredCase, outputs: Iterable[Output]) -> None:
    """Say it once for each degree."""
    trouble = judge_parts(outputs)
    told = _PARTS + case.escrow_id
    if trouble is None or desk.journal.setting(told) == trouble.code:
        return
    with desk.journal.commit():
        desk.journal.set_setting(told, trouble.code)
        desk.journal.alarm(case.escrow_id, None, Freeze(trouble.code, trouble.detail))


def deposit_pause(desk: Desk, case: StoredCase) -> float:
    """Seconds between two looks at the wallet.

    A cancelled escrow is looked at for ever, as a late payment must not be lost, but seldom.
    """
    guarding = not is_open(case.record.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS)
    return desk.pace.guarding if guarding else desk.pace.watching


def watch_payout(desk: Desk, case: StoredCase) -> Outcome:
    """Ten confirmations on the own node end the escrow; a payout that vanished is sent again.

    Raises ``PayoutNotTaken`` and, if something else than this escrow's money was spent,
    ``PayoutElsewhere``.
    """
    outcome = look_at_broadcasts(desk, case)
    if outcome is None:
        raise PayoutNotTaken("Ask who announced it; it is looked for again every minute.")
    return outcome


def _sums(report: Report) -> tuple[int, int, int]:
    return report.confirmed, report.pending, report.locked
