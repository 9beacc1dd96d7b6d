"""Open and remove channels, look at what became of their news, send it once more."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from tripartite.coordinator.notify.addresses import read_messenger, read_webhook
from tripartite.coordinator.notify.credentials import Opened, open_channel, seal_channel
from tripartite.coordinator.notify.keys import deliver_key
from tripartite.coordinator.notify.models import PENDING, Channel, Delivery
from tripartite.coordinator.storing import now, rfc3339, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.domain.errors import Refused
from tripartite.domain.secrets import Secret

WEBHOOK: Final = "webhook"
APPRISE: Final = "apprise"
MOST: Final = 10
"""Channels of one account."""

_SECRET_BYTES: Final = 32  # the Standard Webhooks specification asks for 24 to 64
_SHOWN_DELIVERIES: Final = 100


class ChannelUnknown(Refused):
    """There is no such channel or delivery of yours."""

    code: ClassVar[str] = "channel_unknown"


class TooManyChannels(Refused):
    """This account has as many channels as it may have."""

    code: ClassVar[str] = "too_many_channels"


def open_new(
    account_id: int, kind: str, url: str, *, remember: Callable[[Channel], None]
) -> Channel:
    """Raises ``ChannelUnsuitable``, ``TooManyChannels``, ``KeyringUnusable``."""
    if kind == WEBHOOK:
        shown = f"https://{read_webhook(url).host}/…"
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    else:
        shown, secret = read_messenger(url), ""
    with write_transaction():
        if Channel.objects.filter(account_id=account_id, removed_at=None).count() >= MOST:
            raise TooManyChannels(f"Remove one: {MOST} are the most.")
        row = Channel.objects.create(
            account_id=account_id, kind=kind, shown=shown[:200], created_at=now()
        )
        row.sealed = seal_channel(row.pk, Opened(Secret(url), Secret(secret)))
        row.save(update_fields=["sealed"])
        remember(row)
    return row


def secret_of(row: Channel) -> Secret:
    """What its reader checks signatures with; empty for a messenger."""
    return open_channel(row).secret


def remove(account_id: int, channel_id: int) -> None:
    """Send nothing there any more, and forget its address. Raises ``ChannelUnknown``."""
    with write_transaction():
        changed = Channel.objects.filter(
            pk=channel_id, account_id=account_id, removed_at=None
        ).update(removed_at=now(), sealed=b"")
    if not changed:
        raise ChannelUnknown("List your channels to see their numbers.")


def of_account(account_id: int) -> Sequence[Channel]:
    """Its channels, the oldest first."""
    return list(Channel.objects.filter(account_id=account_id, removed_at=None).order_by("pk"))


def deliveries(account_id: int, channel_id: int) -> Sequence[Mapping[str, object]]:
    """What was sent there lately, the newest first. Raises ``ChannelUnknown``."""
    row = _mine(account_id, channel_id)
    rows = row.deliveries.prefetch_related("attempts").order_by("-pk")[:_SHOWN_DELIVERIES]
    return [
        {
            "id": one.pk,
            "type": json.loads(one.body)["payload"]["type"],
            "state": one.state,
            "created_at": one.created_at,
            "attempts": [
                {"at": attempt.at, "result": attempt.result}
                for attempt in sorted(one.attempts.all(), key=lambda each: each.pk)
            ],
        }
        for one in rows
    ]


def replay(account_id: int, delivery_id: int) -> None:
    """Send a piece of news once more. Raises ``ChannelUnknown``."""
    with write_transaction():
        changed = Delivery.objects.filter(
            pk=delivery_id, channel__account_id=account_id, channel__removed_at=None
        ).update(state=PENDING, tries=0)
        if not changed:
            raise ChannelUnknown("List a channel's deliveries to see their numbers.")
        wake(deliver_key(delivery_id), at=now())


def test(account_id: int, channel_id: int) -> int:
    """Send a word there, to see whether it arrives; its number. Raises ``ChannelUnknown``."""
    row, at = _mine(account_id, channel_id), now()
    text = "Notifications of your escrows will arrive here."
    payload = {"type": "Test", "timestamp": rfc3339(at), "data": {}}
    body = json.dumps({"payload": payload, "title": "A test", "text": text})
    with write_transaction():
        made = Delivery.objects.create(channel=row, cursor=0, body=body, created_at=at)
        wake(deliver_key(made.pk), at=at)
    return made.pk


def _mine(account_id: int, channel_id: int) -> Channel:
    row = Channel.objects.filter(pk=channel_id, account_id=account_id, removed_at=None).first()
    if row is None:
        raise ChannelUnknown("List your channels to see their numbers.")
    return row
