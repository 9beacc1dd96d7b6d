"""Who takes part in an escrow."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The three holders of one key each. Declaration order is the order used everywhere."""

    BUYER = "buyer"
    VENDOR = "vendor"
    ARBITER = "arbiter"

    def others(self) -> tuple[Role, Role]:
        """The two other roles, in the common order."""
        first, second = (role for role in Role if role is not self)
        return first, second


class Network(StrEnum):
    """The Monero network an escrow lives on. Regtest uses mainnet's address prefixes."""

    MAINNET = "mainnet"
    STAGENET = "stagenet"
    TESTNET = "testnet"
    REGTEST = "regtest"
