"""Why a recovery action can't be taken."""

from __future__ import annotations

from typing import ClassVar

from tripartite.domain.errors import Refused


class NotStuck(Refused):
    """This escrow isn't stuck."""

    code: ClassVar[str] = "escrow_not_stuck"


class RecoveryActionUnknown(Refused):
    """There is no such request for you."""

    code: ClassVar[str] = "recovery_action_unknown"
