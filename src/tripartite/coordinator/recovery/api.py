"""Recovery over HTTP: the admins' list and acts, and the parties' answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from django.conf import settings
from ninja import Query, Router, Status
from pydantic import Field

from tripartite.coordinator.admins import require_admin
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.recovery import actions, cases, panels
from tripartite.coordinator.recovery.actions import Kind, Wish
from tripartite.coordinator.recovery.models import Action
from tripartite.coordinator.recovery.reading import LONGEST, SHORTEST
from tripartite.coordinator.recovery.retrying import Part
from tripartite.coordinator.schemas import Body, RowNumber
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.watch.node import OwnNode

admins = Router(tags=["recovery"])
parties = Router(tags=["recovery"])

_MESSAGES: Final = {
    Kind.RETRY_TRANSACTION: "The chain was asked; see the report for what each part answered.",
    Kind.CONTACT_ARBITER: "The arbiter was called; the report shows when they acknowledge.",
    Kind.MARK_INVESTIGATED: "The alarm is quiet until the time shown, then it comes back.",
    Kind.ESCALATE_GOVERNANCE: "A panel of arbiters was asked to vote; it moves no money.",
}


class Waiting(Body):
    """Who has to act, and what for."""

    role: str
    what: str


class PartShown(Body):
    """What became of one part of an act."""

    who: str
    result: str
    detail: str
    at: datetime


class ActionShown(Body):
    """An act on record."""

    action_id: int
    action: str
    by: str
    admin_notes: str
    at: datetime
    report: list[PartShown]


class VoteShown(Body):
    """A member of a panel and, once given, their signed vote."""

    member: str
    fingerprint: str
    choice: str | None
    envelope: str | None


class PanelShown(Body):
    """What a panel was asked, word for word, and what it said."""

    panel: int
    question: str
    recommendation: str | None
    votes: list[VoteShown]


class Case(Body):
    """One escrow that a person has to look at; ``amount`` is piconero as text."""

    escrow_id: str
    status: str
    original_status: str
    stage: int
    hours_stuck: int
    stuck_since: datetime
    quiet_until: datetime | None
    amount: str
    parties: dict[str, str]
    waiting_on: list[Waiting]
    panels: list[PanelShown]
    actions: list[ActionShown]


class CaseList(Body):
    """One page of cases, the oldest first, and how many there are in all."""

    total_cases: int
    cases: list[Case]


class Wanted(Body):
    """Which page."""

    offset: Annotated[int, Field(ge=0, le=10**6)] = 0
    limit: Annotated[int, Field(ge=1, le=cases.PAGE)] = cases.PAGE


class NewAction(Body):
    """What to do, and why: the notes stay on record."""

    action: Kind
    admin_notes: Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]


class ActionTaken(Body):
    """What was done, and what became of it so far."""

    success: bool
    action: str
    action_id: int
    escrow_id: str
    message: str
    tx_hash: str | None
    quiet_until: datetime | None
    report: list[PartShown]


class Answer(Body):
    """What an agent found when it was asked to try again: a short code."""

    result: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]


class Answered(Body):
    """The answer is on record."""

    action_id: int
    result: str


@admins.get("/list", response=CaseList)
def list_cases(request: ApiRequest, wanted: Query[Wanted]) -> object:
    """Every escrow that needs a person: recovery cases and disputes, the oldest first."""
    require_admin(request.auth)
    found = cases.cases(offset=wanted.offset, limit=wanted.limit)
    return {"total_cases": found.total, "cases": found.cases}


@admins.post("/{escrow_id}/action", response=ActionTaken)
def take_action(request: ApiRequest, escrow_id: str, body: NewAction) -> object:
    """Do something about a stuck escrow. It is told to the parties and stays on record."""
    require_admin(request.auth)
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return _taken(int(str(answer[1]["action_id"])))
    own = OwnNode.of(settings.COORDINATOR)
    try:
        action = actions.take(
            Wish(request.auth, escrow_id, body.action, body.admin_notes),
            own=own,
            investigated=settings.COORDINATOR.investigated,
            remember=lambda number: this.remember(200, {"action_id": number}),
        )
    finally:
        own.close()
    return _taken(action.pk)


@parties.post("/{action_id}/acknowledge", response=Answered)
def acknowledge(request: ApiRequest, action_id: RowNumber) -> object:
    """As the arbiter who was called: say that you have heard."""
    return _note(request, action_id, actions.ACKNOWLEDGED)


@parties.post("/{action_id}/answer", response=Answered)
def answer_retry(request: ApiRequest, action_id: RowNumber, body: Answer) -> object:
    """As an agent that was asked to try again: say what it found."""
    return _note(request, action_id, body.result)


class Panels(Body):
    """The panels that the caller sits on."""

    panels: list[PanelShown]


class NewVote(Body):
    """A signed vote (``protocol.vote``)."""

    vote: Annotated[str, Field(max_length=4_096)]


@parties.get("/panels", response=Panels)
def list_panels(request: ApiRequest) -> object:
    """As an arbiter: the stuck escrows that you were asked about."""
    return {"panels": panels.panels_of(request.auth)}


@parties.post("/panels/{panel_id}/votes", response=PanelShown)
def cast_vote(request: ApiRequest, panel_id: RowNumber, body: NewVote) -> object:
    """As a member of a panel: vote. It recommends, and moves no money."""
    return panels.vote(request.auth, panel_id, body.vote)


def _note(request: ApiRequest, action_id: RowNumber, result: str) -> object:
    action, role = actions.asked_of(request.auth, action_id)
    with write_transaction():
        actions.note_outcome(action, Part(role.value, result))
    return Status(200, {"action_id": action_id, "result": result})


def _taken(action_id: int) -> object:
    action = Action.objects.select_related("incident", "account").get(pk=action_id)
    return {
        "success": True,
        "action": action.action,
        "action_id": action.pk,
        "escrow_id": action.incident.escrow_id,
        "message": _MESSAGES[Kind(action.action)],
        "tx_hash": action.txid or None,
        "quiet_until": action.incident.quiet_until,
        "report": cases.shown_action(action)["report"],
    }
