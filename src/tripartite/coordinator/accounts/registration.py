"""Open an account, and tell who knocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from tripartite.coordinator.accounts.models import NAME_LENGTH, NAME_PATTERN, Account
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.errors import Refused


class NameInvalid(Refused):
    """That name can't be used."""

    code: ClassVar[str] = "name_invalid"


class NameTaken(Refused):
    """That name belongs to someone else."""

    code: ClassVar[str] = "name_taken"


class PasswordWeak(Refused):
    """That password is too easy to guess."""

    code: ClassVar[str] = "password_weak"


class CredentialsWrong(Refused):
    """Name and password don't match an account."""

    code: ClassVar[str] = "credentials_wrong"


def open_account(
    name: str, password: str, *, remember: Callable[[Account], None] = lambda _: None
) -> Account:
    """Store a new account. ``remember`` runs inside the transaction.

    Raises ``NameInvalid``, ``NameTaken`` or ``PasswordWeak``.
    """
    if len(name) > NAME_LENGTH or not re.fullmatch(NAME_PATTERN, name):
        raise NameInvalid(
            f"Use up to {NAME_LENGTH} lower-case letters and digits, beginning with a letter; "
            "- and _ may join parts."
        )
    account = Account(name=name, created_at=now())
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages)) from error
    account.set_password(password)
    try:
        with write_transaction():
            account.save(force_insert=True)
            remember(account)
    except IntegrityError as error:
        raise NameTaken(f"Choose another name: {name!r} is in use.") from error
    return account


def authenticate(name: str, password: str) -> Account:
    """The account that ``name`` and ``password`` open. Raises ``CredentialsWrong``.

    An unknown name costs the same password hash as a known one: the time taken says nothing
    about which names exist.
    """
    account = Account.objects.filter(name=name, is_active=True).first()
    if account is None:
        make_password(password)
    elif check_password(password, account.password):
        return account
    raise CredentialsWrong("Check the name and the password.")
