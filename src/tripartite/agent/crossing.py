"""Words that cross on their way to the coordinator."""

from __future__ import annotations

from tripartite.agent.desk import Desk
from tripartite.agent.journal import Outgoing, StoredCase
from tripartite.domain.errors import Refused, Tampered, Unavailable
from tripartite.protocol.admission import admit


def is_overtaken(desk: Desk, case: StoredCase, outgoing: Outgoing) -> bool:
    """Whether somebody spoke before us, so that our refused message has no place any more.

    By our own judgement, once we have heard what came before: a coordinator can't hide behind
    others' words, nor forward what it says it refused.
    """
    try:
        news = desk.coordinator.messages(case.escrow_id, after=case.position)
    except Unavailable:
        return False
    desk.cases.caught_up(case.escrow_id, news)
    now = desk.cases.get(case.escrow_id)
    said = desk.journal.outgoing(case.escrow_id, outgoing.digest)
    if now is None or now.position == case.position or said is None or said.position:
        return False
    try:
        admit(now.record, outgoing.text)
    except Refused:
        return True
    except Tampered:
        return False
    return False
