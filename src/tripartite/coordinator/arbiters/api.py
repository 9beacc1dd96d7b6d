"""Arbiters over HTTP: who there is, and a draw."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from ninja import Router, Status
from pydantic import Field

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.arbiters import choosing
from tripartite.coordinator.arbiters.models import Assignment
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.presence.watching import presence_of
from tripartite.coordinator.schemas import Body

router = Router(tags=["arbiters"])


class ArbiterShown(Body):
    """An arbiter whom traders may name; ``away_since`` is null unless the agent fell silent."""

    name: str
    fingerprint: str
    online: bool
    away_since: datetime | None
    open_work: int


class Arbiters(Body):
    """All of them, by name."""

    arbiters: list[ArbiterShown]


class With(Body):
    """The other trader."""

    other: Annotated[str, Field(max_length=150)]


class CandidateShown(Body):
    """One of those drawn from."""

    name: str
    open_work: int


class Drawn(Body):
    """The arbiter, and all that is needed to draw again: ``domain.rotation`` says how."""

    arbiter: str
    seed: str
    candidates: list[CandidateShown]
    at: datetime


@router.get("", response=Arbiters)
def list_arbiters(request: ApiRequest) -> object:
    """Who may be named as an arbiter."""
    rows = list(
        PairedIdentity.objects.filter(account__is_arbiter=True, account__is_active=True)
        .select_related("account")
        .order_by("account__name")
    )
    ids = [row.account_id for row in rows]
    agents, work = presence_of(ids), choosing.open_work(ids)
    return {
        "arbiters": [
            {
                "name": row.account.name,
                "fingerprint": row.fingerprint,
                "online": (seen := agents.get(row.account_id)) is not None and seen.online,
                "away_since": None if seen is None or seen.online else seen.since,
                "open_work": work.get(row.account_id, 0),
            }
            for row in rows
        ]
    }


@router.post("/assignment", response={201: Drawn})
def assign(request: ApiRequest, body: With) -> Status[object]:
    """Draw an arbiter for an escrow with another trader; the same again for a day."""
    drawn: Assignment = choosing.assign(request.auth, body.other)
    return Status(
        201,
        {
            "arbiter": drawn.arbiter.name,
            "seed": drawn.seed,
            "candidates": json.loads(drawn.candidates),
            "at": drawn.at,
        },
    )
