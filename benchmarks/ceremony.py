"""The wallet calls of one key exchange: what is needed at the least, per round.

This is written down once, by hand. ``raw`` makes exactly these calls; what our agents make is
recorded in their processes (``recorded_agent``) and shown beside it, so that nobody has to believe
that the bare script does not do more than we do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

ROUNDS: Final = (
    ("prepare_multisig",),
    ("make_multisig",),
    # A process killed after this call without a store leaves a wallet that won't open.
    ("exchange_multisig_keys", "store"),
    ("exchange_multisig_keys", "is_multisig", "get_address"),
)
"""What each of the three wallets is asked in the rounds prepare, make, exchange and attest."""

ROUND_NAMES: Final = ("prepare", "make", "exchange", "attest")


class Making(StrEnum):
    """Where the wallet of a set-up comes from."""

    AHEAD = "ahead"
    """Made with a 1:1 lookahead by wallet-cli, and open before the terms were signed."""
    AT_ONCE = "at once"
    """Made by ``create_wallet`` when it is needed, with wallet-rpc's lookahead of 50:200."""
    LEAN = "lean"
    """Made by wallet-cli and opened when it is needed."""


def rounds_of(calls: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Split one wallet's calls at those that begin a round; what came before is the first part."""
    parts: list[list[str]] = [[]]
    for method in calls:
        if method in {"prepare_multisig", "make_multisig", "exchange_multisig_keys"}:
            parts.append([])
        parts[-1].append(method)
    return tuple(map(tuple, parts))


def making_seen(calls: tuple[str, ...]) -> Making:
    """How a wallet with these calls was made."""
    if "create_wallet" in calls:
        return Making.AT_ONCE
    return Making.LEAN if "wallet-cli" in calls else Making.AHEAD
