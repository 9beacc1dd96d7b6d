"""Registrations carried out: connect, log in, check version and network, make a fresh wallet."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tripartite.agent.wallets.records import WalletRef
from tripartite.attach.endpoints import EndpointBusy, EndpointLost, Endpoints
from tripartite.attach.leases import Heartbeat, boot_seconds
from tripartite.coordinator.ops.metrics.calls import count_health_check
from tripartite.coordinator.wallets import fulfilling, keys
from tripartite.coordinator.wallets.credentials import Credentials, credentials_of
from tripartite.coordinator.wallets.errors import (
    WalletRpcLoginWrong,
    WalletRpcOfAnotherNetwork,
    WalletRpcTooOld,
    WalletRpcUnreachable,
    WalletRpcUnreadable,
)
from tripartite.coordinator.wallets.fulfilling import NewWallet
from tripartite.coordinator.work.queue import Lease, LeaseLost
from tripartite.coordinator.work.runner import Again
from tripartite.domain.addresses import AddressOfWrongNetwork
from tripartite.domain.errors import Refused, TripartiteError, Unavailable
from tripartite.domain.secrets import Secret
from tripartite.monero.errors import RpcUnreachable, WrongCredentials
from tripartite.monero.monerod import Monerod
from tripartite.monero.versions import VersionTooOld

_BUSY: Final = timedelta(seconds=0.3)
_PASSWORD_BYTES: Final = 32


def register(
    endpoints: Endpoints, heartbeat: Heartbeat, node: Monerod
) -> Callable[[Lease], Again | None]:
    """The handler for ``register:<id>``."""

    def reconcile(lease: Lease) -> Again | None:
        began = boot_seconds()
        registration_id = lease.key.removeprefix(keys.REGISTRATION)
        row = fulfilling.pending(registration_id)
        if row is None:
            return None
        credentials = credentials_of(row)
        with heartbeat.keeping(lease, began=began):
            # Our own node is asked first: if it is away, the registration waits for it, and what
            # fails after this is the wallet RPC's.
            node.get_info()
            try:
                count_health_check()
                wallet = make_wallet(endpoints, credentials)
            except (EndpointBusy, EndpointLost, LeaseLost):
                return Again(_BUSY)
            except TripartiteError as error:
                fulfilling.refuse(lease, registration_id, told(error))
                return None
            fulfilling.fulfil(lease, registration_id, wallet)
        return None

    return reconcile


def make_wallet(endpoints: Endpoints, credentials: Credentials) -> NewWallet:
    """A fresh wallet, left open for its key exchange.

    A crash in the middle leaves a wallet that nobody uses; the next try makes another one. Raises
    what the wallet-rpc answers, ``VersionTooOld``, ``AddressOfWrongNetwork``.
    """
    ref = WalletRef(secrets.token_hex(16), Secret(secrets.token_urlsafe(_PASSWORD_BYTES)))
    with endpoints.pool(credentials) as pool:
        pool.make(ref, at_once=True)
        return NewWallet(ref.name, ref.password, endpoints.address_of(credentials, ref.name))


def told(error: TripartiteError) -> Refused | Unavailable:
    """What the person who registers is told: never what the other side wrote."""
    match error:
        case WrongCredentials():
            return WalletRpcLoginWrong("Give the user and password of its --rpc-login.")
        case VersionTooOld():
            return WalletRpcTooOld(error.detail)
        case AddressOfWrongNetwork():
            return WalletRpcOfAnotherNetwork(
                "Start monero-wallet-rpc for the network of this coordinator: GET /api/network."
            )
        case RpcUnreachable():
            return WalletRpcUnreachable(
                "Check that it runs, its port, and that the operator can reach it."
            )
        case _:
            return WalletRpcUnreadable(
                "Check that it is a monero-wallet-rpc, started with --wallet-dir and without "
                f"--restricted-rpc ({error.code})."
            )
