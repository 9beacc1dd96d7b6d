"""Notification channels over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Router, Status
from pydantic import Field

from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.notify import channels
from tripartite.coordinator.notify.addresses import LONGEST
from tripartite.coordinator.notify.models import Channel
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.schemas import Body, RowNumber

router = Router(tags=["notifications"])


class NewChannel(Body):
    """Where to send news: an https address of your own, or a messenger as Apprise writes it."""

    kind: Literal["webhook", "apprise"]
    url: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class ChannelShown(Body):
    """A channel. Its full address isn't shown again: it may hold a password."""

    id: int
    kind: str
    shown: str
    created_at: datetime


class ChannelOpened(ChannelShown):
    """A new channel; ``secret`` checks a webhook's signatures and is null for a messenger."""

    secret: str | None


class Channels(Body):
    """The caller's channels."""

    channels: list[ChannelShown]


class AttemptShown(Body):
    """One try, and how it ended."""

    at: datetime
    result: str


class DeliveryShown(Body):
    """One piece of news on its way to a channel."""

    id: int
    type: str
    state: str
    created_at: datetime
    attempts: list[AttemptShown]


class Deliveries(Body):
    """What was sent to a channel, the newest first."""

    deliveries: list[DeliveryShown]


class Queued(Body):
    """What will be sent."""

    delivery_id: int


@router.get("", response=Channels)
def list_channels(request: ApiRequest) -> object:
    """Where the caller's news goes."""
    return {"channels": [_shown(row) for row in channels.of_account(request.auth.account_id)]}


@router.post("", response={201: ChannelOpened})
def open_channel(request: ApiRequest, body: NewChannel) -> Status[object]:
    """Have news sent somewhere."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        row = Channel.objects.get(pk=int(str(answer[1]["id"])))
    else:
        row = channels.open_new(
            request.auth.account_id,
            body.kind,
            body.url,
            remember=lambda made: this.remember(201, {"id": made.pk}),
        )
    secret = channels.secret_of(row).reveal() if row.sealed else ""
    return Status(201, {**_shown(row), "secret": secret or None})


@router.delete("/{channel_id}", response={204: None})
def remove_channel(request: ApiRequest, channel_id: RowNumber) -> Status[None]:
    """Send nothing there any more."""
    channels.remove(request.auth.account_id, channel_id)
    return Status(204, None)


@router.get("/{channel_id}/deliveries", response=Deliveries)
def list_deliveries(request: ApiRequest, channel_id: RowNumber) -> object:
    """What was sent there, and how it ended."""
    return {"deliveries": channels.deliveries(request.auth.account_id, channel_id)}


@router.post("/{channel_id}/test", response={202: Queued})
def test_channel(request: ApiRequest, channel_id: RowNumber) -> Status[object]:
    """Send a word there."""
    number = channels.test(request.auth.account_id, channel_id)
    return Status(202, {"delivery_id": number})


@router.post("/deliveries/{delivery_id}/replay", response={202: Queued})
def replay_delivery(request: ApiRequest, delivery_id: RowNumber) -> Status[object]:
    """Send a piece of news once more, under the same id."""
    channels.replay(request.auth.account_id, delivery_id)
    return Status(202, {"delivery_id": delivery_id})


def _shown(row: Channel) -> dict[str, object]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "shown": row.shown,
        "created_at": row.created_at,
    }
