"""Where an attached party's agent has stopped: told by its attach process, shown to that party.

Only the error's code is kept. The agent's own words about it may name what the coordinator's database
must not hold, such as an address; they stay in the agent's journal.
"""

from __future__ import annotations

from django.db.models import F

from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.models import AttachedFreeze
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.domain.parties import Role


def tell_freeze(lease: Lease, escrow_id: str, role: Role, code: str | None) -> None:
    """Note that this party's agent does nothing more for the escrow, or (None) goes on.

    ``code`` is that of the error which stopped it. Raises ``LeaseLost``.
    """
    if code_of_freeze(escrow_id, role) == code:
        return
    rows = AttachedFreeze.objects.filter(escrow_id=escrow_id, role=role.value)
    with fenced(lease):
        rows.delete()
        if code is not None:
            AttachedFreeze.objects.create(
                escrow_id=escrow_id, role=role.value, code=code, since=now()
            )


def code_of_freeze(escrow_id: str, role: Role) -> str | None:
    """Why this party's agent has stopped, as an error's code; None if it hasn't."""
    rows = AttachedFreeze.objects.filter(escrow_id=escrow_id, role=role.value)
    return rows.values_list("code", flat=True).first()


def frozen_of(account_id: int) -> list[AttachedFreeze]:
    """Every escrow where this account's agent has stopped, the latest first."""
    rows = AttachedFreeze.objects.filter(
        escrow__participants__account=account_id, escrow__participants__role=F("role")
    )
    return list(rows.order_by("-since", "escrow_id"))
