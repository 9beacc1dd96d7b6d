"""What a party with an attached wallet has clicked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.wording import Text
from tripartite.coordinator.wallets.models import AttachedDecision

_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Decided:
    """One click. ``outcome`` is "" until it is said, then ``done`` or an error's code."""

    at: datetime
    what: Text
    outcome: str


def decided_by(escrow_id: str, account: Account) -> tuple[Decided, ...]:
    """The account's clicks about an escrow, the latest first."""
    rows = AttachedDecision.objects.filter(escrow_id=escrow_id, account=account)
    return tuple(
        Decided(one.decided_at, wording.CLICKS[one.decision], one.outcome)
        for one in rows.order_by("-decided_at")[:_SHOWN]
    )
