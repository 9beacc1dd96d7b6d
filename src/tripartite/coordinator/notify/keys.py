"""The names of the work on notifications."""

from __future__ import annotations

from typing import Final

NOTIFY: Final = "notify:"
"""Read the event log on, and make deliveries of what people want to hear."""

DELIVER: Final = "deliver:"


def deliver_key(delivery_id: int) -> str:
    """The work key of one delivery."""
    return f"{DELIVER}{delivery_id}"
