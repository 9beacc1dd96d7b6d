"""What second factors are made of, at rest: secrets of apps (TOTP), seeds of recovery codes.

django-allauth keeps them as text in a JSON column, and shows its adapter nothing but the text. So
``seal_row`` seals when a row is stored, for its owner: an account has one row of each kind. Whose
a text is stands in it, ``sealed:<column>:<account>:<base64>``; ``check_row`` looks whether the row
says the same. So what was copied into another account's row doesn't open there.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol, TypeGuard

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator

from tripartite.coordinator.keyring import Keyring, SealedRowMoved, Spot, key_id, keyring
from tripartite.coordinator.storing import write_transaction
from tripartite.domain.secrets import Secret

SECRET: Final = ("secret", "seed")
"""What django-allauth passes to ``encrypt``: of a TOTP app, and of recovery codes.

A passkey's row holds a public key, which opens nothing.
"""

_MARK: Final = "sealed"

Data = dict[str, Any]  # whatever django-allauth keeps as JSON; only the SECRET texts are ours


class Row(Protocol):
    """A row of django-allauth's, of its model or of a migration's."""

    user_id: int
    data: Data


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Opens what ``seal_row`` sealed."""

    def encrypt(self, text: str) -> str:
        """As it is: sealed when its row is stored, since only the row says whose it is."""
        return text

    def decrypt(self, encrypted_text: str) -> str:
        """Raises ``SealedRowMoved``, ``SealedUnderUnknownKey``, ``KeyringUnusable``."""
        spot, sealed = _read(encrypted_text)
        return keyring().open(sealed, spot).reveal()


def seal_row(instance: Row, **_: object) -> None:
    """Before a row is stored: whatever is secret in it is sealed. Raises ``KeyringUnusable``."""
    instance.data = sealed_data(instance.data, instance.user_id, keyring())


def check_row(instance: Row, **_: object) -> None:
    """When a row was read: what is sealed in it is its owner's. Raises ``SealedRowMoved``."""
    # A row that is read without this column doesn't have it yet.
    data: Data = vars(instance).get("data") or {}
    for column in SECRET:
        text = data.get(column)
        if _is_sealed(text) and _read(text)[0] != _spot(column, instance.user_id):
            raise _moved()


def sealed_data(data: Data, account_id: int, ring: Keyring) -> Data:
    """``data`` with its secrets sealed for the account; what is sealed already stays."""
    return {
        name: _seal(str(value), _spot(name, account_id), ring)
        if name in SECRET and not _is_sealed(value)
        else value
        for name, value in data.items()
    }


def opened_data(data: Data, ring: Keyring) -> Data:
    """``data`` as it was before ``sealed_data``. Raises what ``Keyring.open`` raises."""
    return {
        name: _open(value, ring).reveal() if name in SECRET and _is_sealed(value) else value
        for name, value in data.items()
    }


def keys_in_use(*, at_the_ends: bool = False) -> Iterator[str]:
    """The id of the key that each secret is sealed under. Raises ``SealedRowMoved``.

    ``at_the_ends``: only of the first and the last row, which costs next to nothing.
    """
    secret = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
    rows = secret.order_by("pk").values_list("data", flat=True)
    found = (rows.first(), rows.last()) if at_the_ends else rows.iterator()
    for data in found:
        yield from (key_id(_read(text)[1]) for text in _secrets(data or {}))


def seal_anew(ring: Keyring, current: str) -> int:
    """Seal what is under another key than ``current``; how many rows that were.

    Raises what ``Keyring.open`` raises.
    """
    stale = [
        pk
        for pk, data in Authenticator.objects.order_by("pk").values_list("pk", "data").iterator()
        if any(key_id(_read(text)[1]) != current for text in _secrets(data))
    ]
    return sum(_seal_row_anew(pk, ring) for pk in stale)


def _seal_row_anew(pk: int, ring: Keyring) -> int:
    """Locked: a recovery code that is used meanwhile stays used."""
    with write_transaction():
        row = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            return 0
        fresh = sealed_data(opened_data(row.data, ring), row.user_id, ring)
        return int(Authenticator.objects.filter(pk=pk).update(data=fresh))


def _secrets(data: Mapping[str, object]) -> Iterator[str]:
    texts = (data.get(name) for name in SECRET)
    return (text for text in texts if _is_sealed(text))


def _is_sealed(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and text.startswith(f"{_MARK}:")


def _spot(column: str, account_id: int) -> Spot:
    return Spot("mfa_authenticator", f"data.{column}", str(account_id))


def _seal(text: str, spot: Spot, ring: Keyring) -> str:
    sealed = b64encode(ring.seal(Secret(text), spot)).decode()
    return ":".join((_MARK, spot.column.removeprefix("data."), spot.key, sealed))


def _open(text: str, ring: Keyring) -> Secret:
    spot, sealed = _read(text)
    return ring.open(sealed, spot)


def _read(text: str) -> tuple[Spot, bytes]:
    """Where a sealed text says that it belongs, and its bytes. Raises ``SealedRowMoved``."""
    match text.split(":"):
        case [mark, column, account_id, sealed] if mark == _MARK and account_id.isdecimal():
            try:
                return _spot(column, int(account_id)), b64decode(sealed, validate=True)
            except ValueError as error:
                raise _moved() from error
    raise _moved()


def _moved() -> SealedRowMoved:
    return SealedRowMoved(
        "The secret of a second factor isn't what was stored there. Stop, and find out who can "
        "write to the database."
    )
