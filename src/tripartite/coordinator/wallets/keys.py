"""The names of the attach processes' work."""

from __future__ import annotations

from typing import Final

from tripartite.domain.parties import Role

ATTACH: Final = "attach"
"""The pool of work that only attach processes do."""

REGISTRATION: Final = "register:"
IDENTITY: Final = "identity:"
ATTACHED: Final = "attached:"
ENDPOINT: Final = "endpoint:"
PRESENCE: Final = "attach-presence:"


def registration_key(registration_id: str) -> str:
    """One wish to register a wallet RPC."""
    return REGISTRATION + registration_id


def identity_key(account_id: int) -> str:
    """One account's identity."""
    return f"{IDENTITY}{account_id}"


def attached_key(escrow_id: str, role: Role) -> str:
    """One party's side of one escrow."""
    return f"{ATTACHED}{escrow_id}:{role.value}"


def read_attached_key(key: str) -> tuple[str, Role]:
    """The escrow and the role."""
    escrow_id, _, role = key.removeprefix(ATTACHED).partition(":")
    return escrow_id, Role(role)


def endpoint_key(endpoint: str) -> str:
    """The lease on one wallet-rpc, across all nodes."""
    return ENDPOINT + endpoint
