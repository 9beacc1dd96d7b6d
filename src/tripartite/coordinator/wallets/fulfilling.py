"""What an attach process stores about a registration. Every write is fenced by its lease."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import credentials_of, mapping_spot
from tripartite.coordinator.wallets.errors import RegistrationTooLate
from tripartite.coordinator.wallets.models import (
    PENDING,
    REFUSED,
    REGISTERED,
    WalletMapping,
    WalletRegistration,
)
from tripartite.coordinator.work.queue import Lease, fenced, wake
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import BEFORE_THE_WALLET, State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet just made in the registered wallet-rpc."""

    wallet_id: str
    password: Secret
    address: str


def pending(registration_id: str) -> WalletRegistration | None:
    """The registration, if it still waits."""
    return WalletRegistration.objects.filter(pk=registration_id, state=PENDING).first()


def fulfil(lease: Lease, registration_id: str, wallet: NewWallet) -> None:
    """Store the mapping. Raises ``LeaseLost``."""
    row = WalletRegistration.objects.get(pk=registration_id)
    credentials = replace(
        credentials_of(row), wallet_name=wallet.wallet_id, wallet_password=wallet.password
    )
    mapping = WalletMapping(
        id=row.id,
        escrow_id=row.escrow_id,
        role=row.role,
        user_id=row.account_id,
        endpoint=row.endpoint,
        credentials=keyring().seal(credentials.to_text(), mapping_spot(row.id)),
        wallet_id=wallet.wallet_id,
        wallet_address=wallet.address,
        registered_at=now(),
    )
    state = State(Escrow.objects.values_list("state", flat=True).get(pk=row.escrow_id))
    if state not in BEFORE_THE_WALLET:
        refuse(lease, registration_id, RegistrationTooLate(f"The escrow is {state.value}."))
        return
    with fenced(lease):
        mapping.save(force_insert=True)
        _end(row, REGISTERED)
        wake(
            keys.attached_key(row.escrow_id, Role(row.role)),
            at=mapping.registered_at,
            pool=keys.ATTACH,
        )


def refuse(lease: Lease, registration_id: str, error: TripartiteError) -> None:
    """Store why it can't be. Raises ``LeaseLost``."""
    row = WalletRegistration.objects.get(pk=registration_id)
    row.code, row.detail = error.code, error.detail
    with fenced(lease):
        _end(row, REFUSED)


def _end(row: WalletRegistration, state: str) -> None:
    row.state, row.credentials, row.ended_at = state, b"", now()
    row.save(update_fields=["state", "code", "detail", "credentials", "ended_at"])
