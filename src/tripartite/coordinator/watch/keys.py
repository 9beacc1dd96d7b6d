"""The names of the watcher's work."""

from __future__ import annotations

from typing import Final

PAYOUT: Final = "payout:"


def payout_key(escrow_id: str) -> str:
    """The work key for one escrow's payout."""
    return PAYOUT + escrow_id
