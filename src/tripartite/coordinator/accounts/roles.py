"""Who is an admin, who may be named as an arbiter. Given on the server itself, never over the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tripartite.coordinator.accounts import registration, tokens
from tripartite.coordinator.accounts.api import AccountUnknown
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.admins import AdminsOnly
from tripartite.coordinator.storing import write_transaction
from tripartite.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """An account with a role."""

    name: str
    is_admin: bool
    is_arbiter: bool


def open_admin(name: str, password: Secret) -> None:
    """A new account that is an admin. Raises what ``open_account`` raises."""

    def promote(account: Account) -> None:
        account.is_staff = True
        account.save(update_fields=["is_staff"])

    registration.open_account(name, password.reveal(), remember=promote)


def give(name: str, *, admin: bool | None = None, arbiter: bool | None = None) -> None:
    """Give or take roles; None leaves one as it is. Raises ``AccountUnknown``."""
    changes = {
        field: value
        for field, value in (("is_staff", admin), ("is_arbiter", arbiter))
        if value is not None
    }
    with write_transaction():
        changed = Account.objects.filter(name=name).update(**changes)
    if not changed:
        raise AccountUnknown("Check the spelling; names are lower-case.")


def holders() -> Sequence[RoleHolder]:
    """Everybody with a role, by name."""
    rows = Account.objects.filter(is_active=True).order_by("name")
    return [
        RoleHolder(row.name, row.is_staff, row.is_arbiter)
        for row in rows.filter(is_staff=True) | rows.filter(is_arbiter=True)
    ]


def admin_called(name: str) -> Caller:
    """An admin who works on the server itself. Raises ``AccountUnknown``, ``AdminsOnly``."""
    account = _account(name)
    if not account.is_staff:
        raise AdminsOnly(f"Give the role first: `tripartite admin grant {name} admin`.")
    return Caller(account_id=account.pk, name=account.name, is_admin=True, token_id=0)


def issue_token(name: str, label: str) -> Secret:
    """A new API token of an account. Raises ``AccountUnknown``."""
    account = _account(name)
    with write_transaction():
        return Secret(tokens.issue_token(account, label).text)


def _account(name: str) -> Account:
    account = Account.objects.filter(name=name, is_active=True).first()
    if account is None:
        raise AccountUnknown("Check the spelling; names are lower-case.")
    return account
