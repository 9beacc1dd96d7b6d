"""One party's wallets for one escrow: those in the wallet-rpc that it registered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.wallets.health import Health
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import BuiltPayout, Sighting, SignedPayout, WalletRef
from tripartite.attach.endpoints import Endpoints
from tripartite.coordinator.wallets.credentials import Credentials
from tripartite.domain.errors import Unavailable
from tripartite.domain.secrets import Secret

_PASSWORD_BYTES = 32


class NoWalletRpcYet(Unavailable):
    """The party hasn't registered a wallet RPC for this escrow."""

    code: ClassVar[str] = "no_wallet_rpc_yet"


class AttachedWallets:
    """The agent's port to wallets; each call holds the wallet-rpc for as long as it takes."""

    def __init__(self, endpoints: Endpoints, credentials: Credentials | None) -> None:
        """``credentials`` are None while nothing is registered."""
        self._endpoints = endpoints
        self._credentials = credentials

    def new_ref(self) -> WalletRef:
        return WalletRef(secrets.token_hex(16), Secret(secrets.token_urlsafe(_PASSWORD_BYTES)))

    def make(self, ref: WalletRef, *, at_once: bool = False) -> None:
        with self._pool() as pool:
            pool.make(ref, at_once=at_once)

    def warm(self, ref: WalletRef) -> bool:  # noqa: ARG002 — nothing is kept open for later here
        return False

    def prepare_multisig(self, ref: WalletRef) -> str:
        with self._pool() as pool:
            return pool.prepare_multisig(ref)

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        with self._pool() as pool:
            return pool.make_multisig(ref, infos)

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        with self._pool() as pool:
            return pool.exchange(ref, infos)

    def finish(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        with self._pool() as pool:
            return pool.finish(ref, infos)

    def deposits(self, ref: WalletRef) -> Sighting:
        with self._pool() as pool:
            return pool.deposits(ref)

    def left_over(self, ref: WalletRef, infos: Sequence[str], *, after: int) -> Sighting:
        with self._pool() as pool:
            return pool.left_over(ref, infos, after=after)

    def export_info(self, ref: WalletRef) -> str:
        with self._pool() as pool:
            return pool.export_info(ref)

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout:
        with self._pool() as pool:
            return pool.build(ref, cosigner_info, plan)

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        with self._pool() as pool:
            return pool.cosign(ref, builder_info, txset, plan, on_signed)

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str:
        with self._pool() as pool:
            return pool.resubmit(ref, signed_txset)

    def spent_by(self, ref: WalletRef) -> tuple[str, ...]:
        with self._pool() as pool:
            return pool.spent_by(ref)

    def examine(self, ref: WalletRef, infos: Sequence[str] = ()) -> Health:
        with self._pool() as pool:
            return pool.examine(ref, infos)

    @contextmanager
    def _pool(self) -> Iterator[WalletPool]:
        if self._credentials is None:
            raise NoWalletRpcYet("Register it with POST register-wallet-rpc.")
        with self._endpoints.pool(self._credentials) as pool:
            yield pool
