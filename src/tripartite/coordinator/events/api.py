"""The event log over plain HTTP, for who can't hold a WebSocket open."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from ninja import Query, Router
from pydantic import Field

from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.events.log import Reader, read_for
from tripartite.coordinator.schemas import Body

PAGE: Final = 500

router = Router(tags=["events"])


class EventShown(Body):
    """Something that happened. What ``data`` holds depends on the type."""

    cursor: int
    type: str
    escrow_id: str
    at: datetime
    data: dict[str, str | int | bool | list[str] | None]


class Events(Body):
    """The next events; ``cursor`` goes into ``after`` of the following request."""

    events: list[EventShown]
    cursor: int


class Wanted(Body):
    """From where on."""

    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE


@router.get("", response=Events)
def read_events(request: ApiRequest, wanted: Query[Wanted]) -> object:
    """What happened in the caller's escrows after a cursor."""
    reader = Reader(request.auth.account_id, request.auth.is_admin)
    events, cursor = read_for(reader, wanted.after, limit=wanted.limit)
    return {"events": [event.to_json() for event in events], "cursor": cursor}
