"""How one event's hash covers the event and all before it. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""What stands for "the hash before" in the first event."""


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Link:
    """An event's content in the form that is stored and hashed."""

    cursor: int
    type: str
    escrow_id: str
    account_id: int | None
    position: int | None
    at: str
    data: str


def chain_hash(before: str, link: Link) -> str:
    """SHA-256 (hexadecimal) over the hash before and every column, as one JSON array.

    JSON keeps neighbouring columns apart: no two different rows give the same bytes.
    """
    content = _encode(
        [
            before,
            link.cursor,
            link.type,
            link.escrow_id,
            link.account_id,
            link.position,
            link.at,
            link.data,
        ]
    )
    return hashlib.sha256(content.encode()).hexdigest()
