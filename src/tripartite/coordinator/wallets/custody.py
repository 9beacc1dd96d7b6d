"""The custody guard: one operator never reaches two of the three signers of one escrow."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from tripartite.coordinator.wallets.errors import CustodyGuarded
from tripartite.domain.parties import Network, Role


class CustodyGuard(StrEnum):
    """What happens to a registration that breaks the rule."""

    REFUSE = "refuse"
    WARN = "warn"


MAY_WARN = frozenset({Network.REGTEST, Network.STAGENET})
"""Where no real money is. Elsewhere the guard can't be lowered."""


def check_custody(role: Role, reached: Collection[Role], guard: CustodyGuard) -> str | None:
    """A warning for the caller if the rule is broken and only warned of; None if it holds.

    ``reached`` are the roles whose wallet RPC is registered already, or about to be. Loopback and
    onion count alike: the operator holds the login of either. Raises ``CustodyGuarded``.
    """
    others = sorted(other.value for other in reached if other is not role)
    if not others:
        return None
    if guard is CustodyGuard.REFUSE:
        raise CustodyGuarded(
            f"The wallet RPC of this escrow's {others[0]} is registered here already. Two signers "
            "are enough to move the money, so one operator must never reach two. Keep your key at "
            "home: run `tripartite agent` on a machine of yours.",
            reached=others[0],
        )
    return (
        f"The wallet RPC of this escrow's {others[0]} is registered here already. Two signers "
        "are enough to move the money, so one operator must never reach two. This network has no "
        "real money, so it is only a warning."
    )
