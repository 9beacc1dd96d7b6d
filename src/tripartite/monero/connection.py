"""How to reach a daemon: plain values that everybody may hold."""

from __future__ import annotations

from dataclasses import dataclass

from tripartite.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a daemon's ``--rpc-login``."""

    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: to connect, for a light answer, for a heavy one.

    Heavy calls make keys, scan blocks or build transactions. A wallet-rpc that is busy with one
    makes the next wait, so a light call is given time too.
    """

    connect: float = 10.0
    light: float = 30.0
    heavy: float = 300.0
