"""Attached agents are online as long as an attach process is: it speaks up for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.presence.watching import heard_from
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.models import AttachedIdentity
from tripartite.coordinator.wallets.reading import forget_readings
from tripartite.coordinator.work.queue import Lease, wake
from tripartite.coordinator.work.runner import Again

EVERY: Final = timedelta(seconds=60)


def begin() -> None:
    """Have some attach process speak up now, and from now on."""
    with write_transaction():
        wake(keys.PRESENCE, at=now(), pool=keys.ATTACH)


def speak_up(*, patience: timedelta) -> Callable[[Lease], Again | None]:
    """The handler that says once a minute that the attached agents are there.

    ``patience`` is how long an agent may be silent before it counts as offline.
    """

    def reconcile(_: Lease) -> Again | None:
        attached = AttachedIdentity.objects.all()
        present = AgentPresence.objects.filter(account__attached__isnull=False, online=True)
        with write_transaction():
            present.update(seen_at=now())
            # Some attach process does this each minute, so it also tidies up.
            forget_readings()
        online = present.values("account_id")
        for account_id in attached.exclude(pk__in=online).values_list("pk", flat=True):
            heard_from(account_id, patience=patience)
        return Again(min(EVERY, patience / 3))

    return reconcile
