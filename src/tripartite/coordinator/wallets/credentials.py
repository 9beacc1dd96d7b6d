"""What opens a registered wallet RPC, sealed in its row."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tripartite.coordinator.keyring import Spot, keyring
from tripartite.coordinator.wallets.models import WalletMapping, WalletRegistration
from tripartite.coordinator.wallets.rpc_url import RpcPlace, read_rpc_url
from tripartite.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """Address and login of a wallet RPC; of a mapping also its first wallet and its password."""

    place: RpcPlace
    user: str
    password: Secret
    wallet_name: str = ""
    wallet_password: Secret = Secret("")  # noqa: RUF009 — immutable

    def to_text(self) -> Secret:
        """As it is sealed."""
        fields = {
            "url": self.place.url,
            "user": self.user,
            "password": self.password.reveal(),
            "wallet_name": self.wallet_name,
            "wallet_password": self.wallet_password.reveal(),
        }
        return Secret(json.dumps(fields))

    @classmethod
    def of(cls, text: Secret) -> Credentials:
        """Read back. The address is judged again: a row is no reason to connect anywhere.

        Raises ``RpcUrlRefused``.
        """
        fields = json.loads(text.reveal())
        return cls(
            read_rpc_url(fields["url"]),
            fields["user"],
            Secret(fields["password"]),
            fields["wallet_name"],
            Secret(fields["wallet_password"]),
        )


def registration_spot(key: str) -> Spot:
    """Where a registration's credentials belong."""
    return Spot("wallet_registrations", "credentials", key)


def mapping_spot(key: str) -> Spot:
    """Where a mapping's credentials belong."""
    return Spot("escrow_wallet_mappings", "credentials", key)


def decision_spot(key: str) -> Spot:
    """Where a decision's content belongs."""
    return Spot("attached_decisions", "content", key)


def reading_spot(key: str) -> Spot:
    """Where belongs what was opened for a party to read."""
    return Spot("attached_readings", "content", key)


def credentials_of(row: WalletRegistration | WalletMapping) -> Credentials:
    """What a row holds. Raises ``SealedRowMoved``, ``SealedUnderUnknownKey``, ``RpcUrlRefused``."""
    spot = mapping_spot(row.pk) if isinstance(row, WalletMapping) else registration_spot(row.pk)
    return Credentials.of(keyring().open(row.credentials, spot))
