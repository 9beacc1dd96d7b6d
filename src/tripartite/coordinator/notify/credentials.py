"""What opens a notification channel, sealed in its row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from tripartite.coordinator.keyring import Spot, keyring
from tripartite.coordinator.notify.models import Channel
from tripartite.domain.errors import Refused
from tripartite.domain.secrets import Secret


class ChannelsOfAnotherKey(Refused):
    """There are notification channels that an earlier version sealed with a key of their own."""

    code: ClassVar[str] = "channels_of_another_key"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a channel needs to send; ``secret`` signs webhooks and is empty for others."""

    address: Secret
    secret: Secret


def channel_spot(key: int) -> Spot:
    """Where a channel's address belongs."""
    return Spot("notify_channel", "sealed", str(key))


def seal_channel(channel_id: int, opened: Opened) -> bytes:
    """For this one row. Raises ``KeyringUnusable``."""
    fields = {"address": opened.address.reveal(), "secret": opened.secret.reveal()}
    return keyring().seal(Secret(json.dumps(fields)), channel_spot(channel_id))


def open_channel(row: Channel) -> Opened:
    """What a row holds.

    Raises ``SealedUnderUnknownKey``, ``SealedRowMoved``, ``KeyringUnusable``.
    """
    fields = json.loads(keyring().open(row.sealed, channel_spot(row.pk)).reveal())
    return Opened(Secret(fields["address"]), Secret(fields["secret"]))
