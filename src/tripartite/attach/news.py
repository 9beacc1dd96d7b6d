"""The event log, read once for all attached parties: whoever it concerns is looked at.

Every attach process reads all of it; waking twice is one look. The shared cursor says where a
process that starts has to begin: what is before it has been turned into wake-ups, in one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.events import log
from tripartite.coordinator.events.log import StoredEvent
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.models import AttachCursor
from tripartite.coordinator.work.queue import wake
from tripartite.domain.parties import Role

_PAGE: Final = 500
_ROW: Final = 1


def catch_up() -> None:
    """Read what was written while no attach process ran."""
    with write_transaction():
        row, _ = AttachCursor.objects.get_or_create(pk=_ROW, defaults={"cursor": log.head()})
    cursor = row.cursor
    while page := log.read_all(cursor, limit=_PAGE):
        hear(page)
        cursor = page[-1].cursor


def hear(page: Sequence[StoredEvent]) -> None:
    """Wake the attached parties of the escrows that something happened in."""
    escrows = {event.escrow_id for event in page if event.account_id is None}
    with write_transaction():
        concerned = (
            Participant.objects.filter(escrow_id__in=escrows, account__attached__isnull=False)
            .order_by("escrow_id", "role")
            .values_list("escrow_id", "role")
        )
        for escrow_id, role in concerned:
            wake(keys.attached_key(escrow_id, Role(role)), at=now(), pool=keys.ATTACH)
        AttachCursor.objects.filter(pk=_ROW, cursor__lt=page[-1].cursor).update(
            cursor=page[-1].cursor
        )
