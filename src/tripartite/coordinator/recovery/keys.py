"""The names of the work on deadlines."""

from __future__ import annotations

from typing import Final

FOLLOW: Final = "recovery:"
"""Read the event log on, and note which escrows have moved."""

DEADLINE: Final = "deadline:"


def deadline_key(escrow_id: str) -> str:
    """The work key for one escrow's next deadline."""
    return DEADLINE + escrow_id
