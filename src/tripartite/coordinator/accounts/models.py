"""Accounts, API tokens and paired identities."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

# Lower-case ASCII only: two names that look alike are the same name. 32 fits every page.
NAME_PATTERN = r"^[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*$"
NAME_LENGTH = 32
NAME_VALIDATORS = [RegexValidator(NAME_PATTERN)]


class AccountManager(BaseUserManager["Account"]):
    """Finds accounts by name, and makes the ones Django's own commands ask for."""

    def create_user(
        self,
        name: str,
        password: str | None = None,
        **fields: Any,  # noqa: ANN401 — Django's commands pass any of the model's fields
    ) -> Account:
        account = self.model(name=name, **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def create_superuser(
        self,
        name: str,
        password: str | None = None,
        **fields: Any,  # noqa: ANN401 — see above
    ) -> Account:
        return self.create_user(
            name, password, **{**fields, "is_staff": True, "is_superuser": True}
        )


class Account(AbstractBaseUser, PermissionsMixin):
    """A person or a business. Known by name only: we ask for no e-mail address."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True, validators=NAME_VALIDATORS)
    is_staff = models.BooleanField(default=False)
    # May be named as the arbiter of other people's escrows, and is found by those who look for one.
    is_arbiter = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "name"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    """What a token may do."""

    FULL = "full", _("everything this account may do")
    READ = "read", _("read, and change nothing")


class ApiToken(models.Model):
    """A key for programs. Only its SHA-256 is kept: a stolen database opens nothing."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=64)
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.FULL)
    created_at = models.DateTimeField()
    # A date, not a time: enough to find forgotten tokens, too coarse to follow a person.
    last_used = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)


class PairedIdentity(models.Model):
    """The identity key an account's agent proved to hold. One each, for good."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="identity")
    sign = models.CharField(max_length=43, unique=True)
    seal = models.CharField(max_length=43, unique=True)
    fingerprint = models.CharField(max_length=128)
    paired_at = models.DateTimeField()


class Attempt(models.Model):
    """How often somebody tried to sign in or up of late: Django's cache in the database."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "accounts_attempts"
