"""The running agent asks the doctor about a payout that doesn't move, before a human is called."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tripartite.agent.desk import Desk
from tripartite.agent.doctor import Ailment, Finding
from tripartite.agent.examining import note_diagnosis, note_trouble
from tripartite.agent.journal import StoredCase
from tripartite.agent.speaking import Say, Speaker
from tripartite.domain.errors import Refused
from tripartite.protocol.envelope import Kind


def consult(
    desk: Desk,
    speaker: Speaker,
    doctor: Callable[[StoredCase], tuple[Finding, ...]],
    case: StoredCase,
    code: str,
) -> bool:
    """Find out what is wrong; begin a fresh round where the network refused the signed one.

    Whether there is something to be said now.

    That is safe while the money is unspent: only one of the two can be mined, and both pay
    what was agreed. The other rounds begin anew by themselves (``paying``).
    """
    log = structlog.get_logger()
    note_trouble(desk.journal, case.escrow_id, code)
    findings = doctor(case)
    note_diagnosis(desk.journal, case.escrow_id, findings)
    log.info("diagnosed", ailments=[one.ailment.value for one in findings])
    payout = case.record.payout
    if payout is None or case.role not in payout.signers:
        return False
    if findings[0].ailment is not Ailment.REJECTED:
        return False
    restart = Say(Kind.PAYOUT_RESTART, {"reason": "payout_rejected"}, payout.attempt)
    try:
        speaker.write(case, restart)
    except Refused as error:
        # After a hundred attempts only a person goes on.
        log.error("not_restarted", code=error.code)  # noqa: TRY400 — a message could quote what is private
        return False
    return True
