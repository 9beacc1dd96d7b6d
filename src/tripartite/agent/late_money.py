"""Money that reaches an escrow when its payout is final: looked for ever more seldom, never not.

An escrow that is over must cost next to nothing, or an agent drowns in them. So the pause between two
looks grows with the time since the end, up to a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tripartite.agent.asked_looks import is_asked
from tripartite.agent.broadcasts import infos_of_others
from tripartite.agent.desk import Desk, Later, Outcome
from tripartite.agent.journal import Freeze, StoredCase
from tripartite.agent.paying import escrow_wallet
from tripartite.agent.speaking import Say
from tripartite.agent.wallets.records import SlotsTaken
from tripartite.domain.deposits import LEAST_LATE, Report
from tripartite.domain.money import format_xmr
from tripartite.protocol.bodies import write_report
from tripartite.protocol.envelope import Kind

_LOOKS: Final = "late_looks/"
_LONGEST: Final = timedelta(days=1)
_SHARE: Final = 10
"""The next look comes after a tenth of the time that has gone by since the end."""

_NOTHING: Final = Report(confirmed=0, pending=0, locked=0, height=0)
_ALARM: Final = "money_after_the_end"


def watch_late(desk: Desk, case: StoredCase) -> Outcome:
    """Report what came late, once it can be spent; two such reports open a refund."""
    now = datetime.fromisoformat(desk.journal.stamp())
    ended, last = _looks(desk, case, now)
    guarding = timedelta(seconds=desk.pace.guarding)
    pause = max(guarding, min((last - ended) / _SHARE, _LONGEST))
    if now < last + pause and not is_asked(desk.journal, case.escrow_id):
        return Later((last + pause - now).total_seconds())
    paid_at = _block_of_payout(desk, case)
    if paid_at is None:
        return Later(desk.pace.guarding)
    try:
        sighting = desk.wallets.left_over(
            escrow_wallet(desk, case),
            infos_of_others(desk.journal, desk.identity, case),
            after=paid_at,
        )
    except SlotsTaken:
        return Later(desk.pace.guarding, looked=False)
    desk.journal.set_setting(_LOOKS + case.escrow_id, f"{ended.isoformat()} {now.isoformat()}")
    required = case.record.agreement.terms.required_confirmations
    deep = [one for one in sighting.outputs if one.confirmations(sighting.height) >= required]
    left = sum(one.amount for one in deep)
    if left == case.record.late.get(case.role, _NOTHING).confirmed:
        return Later(desk.pace.guarding)
    report = Report(confirmed=left, pending=0, locked=0, height=sighting.height)
    return Say(Kind.DEPOSIT_REPORT, write_report(report), also=lambda: _tell(desk, case, left))


def _tell(desk: Desk, case: StoredCase, left: int) -> None:
    if left < LEAST_LATE:
        return
    detail = (
        f"{format_xmr(left)} XMR came after the payout. It goes back to the buyer, once both traders' "
        "agents have seen it; settle or dispute if that is wrong."
    )
    desk.journal.alarm(case.escrow_id, None, Freeze(_ALARM, detail))


def _looks(desk: Desk, case: StoredCase, now: datetime) -> tuple[datetime, datetime]:
    """When this escrow ended, as far as we know, and when it was last looked at."""
    noted = desk.journal.setting(_LOOKS + case.escrow_id)
    if noted is None:
        noted = f"{now.isoformat()} {now.isoformat()}"
        desk.journal.set_setting(_LOOKS + case.escrow_id, noted)
    ended, last = noted.split()
    return datetime.fromisoformat(ended), datetime.fromisoformat(last)


def _block_of_payout(desk: Desk, case: StoredCase) -> int | None:
    """The block of the payout that ended it; None while the own node doesn't know it."""
    known = list(case.record.broadcasts)
    found = desk.node.get_transactions(known, prune=True).found if known else ()
    return max((one.height for one in found if one.height is not None), default=None)
