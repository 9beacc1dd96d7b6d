"""A panel of arbiters votes on a stuck escrow; its majority is a recommendation, and only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.arbiters.choosing import arbiters_in_turn
from tripartite.coordinator.events.log import ADMINS, EventType, NewEvent, append
from tripartite.coordinator.recovery.models import Action, Panel, Seat
from tripartite.coordinator.storing import now, rfc3339, write_transaction
from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json, canonical, parse
from tripartite.protocol.identity import PublicIdentity
from tripartite.protocol.record import Record
from tripartite.protocol.vote import Choice, majority, read_vote

SEATS: Final = 3


class PanelTooSmall(Refused):
    """There are too few arbiters for a panel."""

    code: ClassVar[str] = "panel_too_small"


class PanelUnknown(Refused):
    """There is no such panel for you."""

    code: ClassVar[str] = "panel_unknown"


class VotedAlready(Refused):
    """You have voted otherwise already; a vote stays."""

    code: ClassVar[str] = "voted_already"


def open_panel(action: Action, record: Record, *, at: datetime) -> list[NewEvent]:
    """Seat a panel and ask it; the events to log. Call in the transaction that stores ``action``.

    Its members are those whose turn it is; nobody who takes part in the escrow. Raises
    ``PanelTooSmall``.
    """
    escrow_id = record.escrow_id
    members = arbiters_in_turn(
        seed=f"panel:{action.pk}:{escrow_id}",
        without=frozenset(one.sign for one in record.parties.values()),
    )[:SEATS]
    if len(members) < SEATS:
        raise PanelTooSmall(
            f"A panel has {SEATS} arbiters with paired agents who don't take part in the escrow; "
            "make more with `tripartite admin grant NAME arbiter`."
        )
    question: dict[str, Json] = {
        "panel": action.pk,
        "escrow_id": escrow_id,
        "status": record.state.value,
        "asked_at": rfc3339(at),
        "members": [one.account.name for one in members],
    }
    panel = Panel.objects.create(action=action, question=canonical(question).decode())
    Seat.objects.bulk_create(Seat(panel=panel, account_id=one.account_id) for one in members)
    facts = {"panel": panel.pk, "status": record.state.value}
    return [
        NewEvent(EventType.VOTE_REQUESTED, escrow_id, facts, account_id=one.account_id)
        for one in members
    ]


def panels_of(caller: Caller) -> Sequence[Mapping[str, object]]:
    """The panels that the caller sits on, the newest first."""
    rows = Panel.objects.filter(seats__account_id=caller.account_id).order_by("-pk")
    return [shown(row) for row in rows]


def vote(caller: Caller, panel_id: int, text: str) -> Mapping[str, object]:
    """Take a signed vote in. The same again is fine.

    Raises ``PanelUnknown``, ``VotedAlready``, and what reading the vote raises.
    """
    seat = (
        Seat.objects.filter(panel_id=panel_id, account_id=caller.account_id)
        .select_related("panel__action__incident")
        .first()
    )
    row = PairedIdentity.objects.filter(account_id=caller.account_id).first()
    if seat is None or row is None:
        raise PanelUnknown("Only a member of the panel can see it and vote.")
    panel = seat.panel
    given = read_vote(text, question_of(panel), PublicIdentity(row.sign, row.seal))
    with write_transaction():
        taken = Seat.objects.filter(pk=seat.pk, choice="").update(
            choice=given.choice.value, envelope=given.text, voted_at=now()
        )
        if not taken:
            if Seat.objects.get(pk=seat.pk).choice != given.choice.value:
                raise VotedAlready("The panel has your first vote on record.")
            return shown(panel)
        _conclude(panel)
    return shown(Panel.objects.get(pk=panel_id))


def question_of(panel: Panel) -> Mapping[str, Json]:
    """What was asked, word for word."""
    return parse(panel.question.encode())


def shown(panel: Panel) -> Mapping[str, object]:
    """A panel with its question, its signed votes and what came of it."""
    seats = panel.seats.select_related("account__identity").order_by("pk")
    return {
        "panel": panel.pk,
        "question": panel.question,
        "recommendation": panel.recommendation or None,
        "votes": [
            {
                "member": seat.account.name,
                "fingerprint": seat.account.identity.fingerprint,
                "choice": seat.choice or None,
                "envelope": seat.envelope or None,
            }
            for seat in seats
        ],
    }


def _conclude(panel: Panel) -> None:
    """Once more than half agree: their recommendation, to the parties and the admins."""
    seats = list(panel.seats.values_list("choice", flat=True))
    found = majority([Choice(one) for one in seats if one], seats=len(seats))
    changed = found and Panel.objects.filter(pk=panel.pk, recommendation="").update(
        recommendation=found.value
    )
    if not changed or found is None:
        return
    facts = {
        "panel": panel.pk,
        "recommendation": found.value,
        "votes": seats.count(found.value),
        "seats": len(seats),
    }
    escrow_id = panel.action.incident.escrow_id
    append(
        [
            NewEvent(EventType.RECOMMENDATION_MADE, escrow_id, facts, account_id=to)
            for to in (None, ADMINS)
        ],
        at=now(),
    )
