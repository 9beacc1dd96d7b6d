"""Whose turn it is in an escrow, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.wording import Text
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import Record


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is. ``kind`` is yours, agent, wait or done: how loud it is shown."""

    kind: str
    headline: Text
    others: tuple[tuple[Text, str, Text], ...]
    next: Text


def turn_of(
    record: Record,
    role: Role,
    names: Mapping[Role, str],
    *,
    attached: bool = False,
    frozen: bool = False,
) -> Turn:
    """Whose turn it is, as ``role`` reads it; ``attached``: whose agent the operator runs.

    ``frozen``: that agent has stopped, and nothing goes on before somebody has looked.
    """
    waits = waiting_on(record)
    mine = [what for who, what in waits if who is role]
    others = tuple(
        (wording.ROLES[who], names.get(who, ""), wording.THEIR_TURN.get(what, what))
        for who, what in waits
        if who is not role
    )
    following = wording.NEXT[record.state]
    if record.state in CLOSED:
        return Turn("done", wording.MEANINGS[record.state], (), following)
    if frozen:
        stopped = _("Your agent has stopped. Find out why before you go on.")
        return Turn("yours", stopped, others, following)
    if mine:
        told = {**wording.YOUR_TURN, **(wording.ATTACHED_TURN if attached else {})}
        headline: Text = told.get(mine[0], mine[0])
        kind = "agent" if mine[0] in wording.BY_ITSELF else "yours"
        return Turn(kind, headline, others, following)
    headline = _("You have nothing to do now.") if others else _("The network is at work.")
    return Turn("wait", headline, others, following)
