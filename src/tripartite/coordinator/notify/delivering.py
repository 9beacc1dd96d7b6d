"""From the event log to people: one delivery per event and channel, tried until it is taken.

What is due survives everything: the bookmark and the deliveries move in one transaction, and each
delivery is a key of the work table. A process that dies while it sends sends again; a webhook's id
stays the same, so its reader can tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.events import following
from tripartite.coordinator.events.following import Note
from tripartite.coordinator.events.log import ADMINS, EventType
from tripartite.coordinator.keyring import KeyringUnusable, SealedUnderUnknownKey
from tripartite.coordinator.notify.credentials import open_channel
from tripartite.coordinator.notify.keys import DELIVER, deliver_key
from tripartite.coordinator.notify.models import FAILED, PENDING, SENT, Attempt, Channel, Delivery
from tripartite.coordinator.notify.sending import NewsNotTaken, Send
from tripartite.coordinator.notify.wording import NOTIFIED, news_of
from tripartite.coordinator.ops.metrics.catalogue import WEBHOOK_DELIVERIES
from tripartite.coordinator.ops.metrics.tally import TALLY
from tripartite.coordinator.storing import now
from tripartite.coordinator.work.queue import Lease, fenced, wake
from tripartite.coordinator.work.runner import Again, Handler
from tripartite.domain.errors import Refused, Tampered, Unavailable

BOOKMARK: Final = "notify"
_OUTCOMES: Final = {SENT: "delivered", PENDING: "retried", FAILED: "failed"}
PAGE: Final = 200

_PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400)
)
"""Between two tries: eight more in 32 hours, about as the Standard Webhooks specification says."""

_log = structlog.get_logger()


def follow_log() -> Handler:
    """The handler of ``notify:``."""

    def reconcile(lease: Lease) -> Again | None:
        with fenced(lease):
            page = following.read(BOOKMARK, types=NOTIFIED, limit=PAGE)
            made = list(_deliveries(page.events))
            kept = Delivery.objects.bulk_create(made)
            for one in kept:
                wake(deliver_key(one.pk), at=now())
            following.keep(BOOKMARK, page.cursor)
        return Again(timedelta(0) if page.more else following.LOOK_ANYWAY)

    return reconcile


def deliver(senders: Mapping[str, Send]) -> Handler:
    """The handler of ``deliver:<id>``. ``senders`` go by the channel's kind."""

    def reconcile(lease: Lease) -> Again | None:
        number = int(lease.key.removeprefix(DELIVER))
        row = Delivery.objects.filter(pk=number).select_related("channel").first()
        if row is None or row.state != PENDING:
            return None
        channel = row.channel
        if channel.removed_at is not None:
            return None
        at = now()
        result, again = _try(row, channel, senders, at)
        with fenced(lease):
            state = SENT if result == SENT else PENDING
            if result != SENT and (not again or row.tries >= len(_PAUSES)):
                state = FAILED
            Delivery.objects.filter(pk=number).update(state=state, tries=row.tries + 1)
            Attempt.objects.create(delivery_id=number, at=at, result=result[:64])
        TALLY.count((WEBHOOK_DELIVERIES.name, _OUTCOMES[state]))
        return Again(_PAUSES[row.tries]) if state == PENDING else None

    return reconcile


def _try(
    row: Delivery,
    channel: Channel,
    senders: Mapping[str, Send],
    at: datetime,
) -> tuple[str, bool]:
    """How it ended, and whether another try may end otherwise."""
    try:
        opened = open_channel(channel)
        senders[channel.kind](opened, message_id(row), row.body, at)
    except NewsNotTaken as error:
        return str(error.facts["result"]), True
    except Unavailable as error:
        return error.code, True
    except (KeyringUnusable, SealedUnderUnknownKey) as error:
        # The operator can mend that on this node, and another node may do better.
        _log.error("channel_cannot_be_opened", code=error.code)
        return error.code, True
    except (Refused, Tampered) as error:
        return error.code, False
    return SENT, False


def message_id(row: Delivery) -> str:
    """The same for every try of a delivery, and for its replay."""
    return f"msg_{row.channel_id}_{row.pk}"


def _deliveries(events: Sequence[Note]) -> Iterable[Delivery]:
    audiences = {event.cursor: _audience(event) for event in events}
    everybody = {account for audience in audiences.values() for account in audience}
    channels: dict[int, list[Channel]] = {}
    for one in Channel.objects.filter(account_id__in=everybody, removed_at=None):
        channels.setdefault(one.account_id, []).append(one)
    for event in events:
        body = body_of(event) if channels else ""
        for account in audiences[event.cursor]:
            for channel in channels.get(account, ()):
                # Who opens a channel hears what happens from then on.
                if channel.created_at <= event.at:
                    yield Delivery(
                        channel=channel, cursor=event.cursor, body=body, created_at=now()
                    )


def body_of(event: Note) -> str:
    """What is sent, as JSON: the payload for programs, title and text for people."""
    news = news_of(EventType(event.type), event.escrow_id, event.data, event.at)
    return json.dumps({"payload": news.payload, "title": news.title, "text": news.text})


def _audience(event: Note) -> Sequence[int]:
    """The accounts that an event is for, each once."""
    if event.account_id is None:
        rows = Participant.objects.filter(escrow_id=event.escrow_id)
        return list(rows.values_list("account_id", flat=True))
    if event.account_id == ADMINS:
        admins = Account.objects.filter(is_staff=True, is_active=True)
        return list(admins.values_list("pk", flat=True))
    return [event.account_id]
