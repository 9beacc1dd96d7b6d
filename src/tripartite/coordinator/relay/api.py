"""The mailbox over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Annotated, Final

from django.db import OperationalError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router
from ninja.decorators import decorate_view
from pydantic import Field

from tripartite.coordinator.accounts.tokens import TokenInvalid, TokenMissing
from tripartite.coordinator.answering import as_it_is
from tripartite.coordinator.authentication import ApiRequest, Bearer
from tripartite.coordinator.escrows.storage import require_party
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.ops.refusing import database_away, refused
from tripartite.coordinator.relay import posting
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.schemas import Body
from tripartite.domain.errors import TripartiteError

PAGE: Final = 200

router = Router(tags=["relay"])
_bearer: Final = Bearer()


class Envelope(Body):
    """A signed message: a compact JWS."""

    envelope: str


class Placed(Body):
    """Where a message stands, and the escrow's state since."""

    position: int
    state: str


class MessageShown(Body):
    """One message as it came."""

    position: int
    envelope: str
    received_at: datetime


class Messages(Body):
    """One page; ``next`` goes into ``after`` of the following request."""

    messages: list[MessageShown]
    next: int | None


class Wanted(Body):
    """Which page."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE


def _by_the_short_way(whole: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer the usual request without the framework's ways: a quarter of what a message costs.

    Whatever isn't a known caller's ``{"envelope": "…"}`` takes the ``whole`` way; nothing has
    happened by then.
    """

    @wraps(whole)
    def answered(request: ApiRequest, escrow_id: str) -> HttpResponseBase:
        try:
            request.auth = _bearer(request)
            text = _envelope_in(request.body)
            if text is not None:
                return _said(request, escrow_id, text)
        except (TokenMissing, TokenInvalid):
            pass
        except TripartiteError as error:
            return refused(request, error)
        except OperationalError:
            return database_away()
        return whole(request, escrow_id=escrow_id)

    return answered


@router.post("/{escrow_id}/messages", response={200: Placed, 201: Placed})
@decorate_view(_by_the_short_way)
def post_message(request: ApiRequest, escrow_id: str, body: Envelope) -> HttpResponse:
    """Say something in an escrow. The same message again gives 200 and its place."""
    return _said(request, escrow_id, body.envelope)


def _said(request: ApiRequest, escrow_id: str, envelope: str) -> HttpResponse:
    this = once(request, request.auth.account_id)
    # The usual case, a new message under a new key, is tried first: the key's own uniqueness finds
    # the rest, and only then is the stored answer looked up.
    try:
        posted = posting.post_message(
            request.auth,
            escrow_id,
            envelope,
            remember=lambda stored: this.remember(201, _placed(stored)),
        )
    except TripartiteError:
        if (answer := this.answered()) is not None:
            return _json(*answer)
        raise
    if not posted.fresh and (answer := this.answered()) is not None:
        return _json(*answer)
    return _json(201 if posted.fresh else 200, _placed(posted))


def _placed(posted: posting.Posted) -> dict[str, str | int | None]:
    return {"position": posted.position, "state": posted.state}


def _json(status: int, body: Mapping[str, str | int | None]) -> HttpResponse:
    """Written here rather than through the schema: two known fields need no second validation."""
    return HttpResponse(json.dumps(body), status=status, content_type="application/json")


def _envelope_in(body: bytes) -> str | None:
    """The envelope in a body of the usual form; None of any other, whatever is wrong with it."""
    try:
        match json.loads(body):
            case {"envelope": str(text), **rest} if not rest and text.isascii():
                return text
            case _:
                return None
    except (ValueError, RecursionError):
        return None


@router.get("/{escrow_id}/messages", response=Messages)
def read_messages(request: ApiRequest, escrow_id: str, wanted: Query[Wanted]) -> HttpResponse:
    """Everything said in an escrow, in order."""
    require_party(request.auth.account_id, escrow_id)
    rows = list(
        Message.objects.filter(escrow_id=escrow_id, position__gt=wanted.after)
        .order_by("position")
        .values_list("position", "text", "received_at")[: wanted.limit + 1]
    )
    shown = rows[: wanted.limit]
    return as_it_is(
        {
            "messages": [
                {"position": position, "envelope": text, "received_at": received_at}
                for position, text, received_at in shown
            ],
            "next": shown[-1][0] if len(rows) > wanted.limit else None,
        }
    )
