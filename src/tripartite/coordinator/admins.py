"""Doors that only admins may pass."""

from __future__ import annotations

from typing import ClassVar

from tripartite.coordinator.accounts.tokens import Caller
from tripartite.domain.errors import Refused


class AdminsOnly(Refused):
    """Only an admin of this coordinator may do that."""

    code: ClassVar[str] = "admins_only"


def require_admin(caller: Caller) -> None:
    """Raises ``AdminsOnly``."""
    if not caller.is_admin:
        raise AdminsOnly("`tripartite admin create NAME` makes an admin, on the server itself.")
