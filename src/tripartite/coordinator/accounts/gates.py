"""What the API asks before it lets somebody in, or do what costs much; the pages count the same."""

from __future__ import annotations

from typing import ClassVar

from allauth.core import context, ratelimit
from allauth.mfa.adapter import get_adapter
from django.http import HttpRequest

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.registration import CredentialsWrong, authenticate
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.domain.errors import Refused


class TriesExceeded(Refused):
    """Too many tries in a short time."""

    code: ClassVar[str] = "tries_exceeded"


class SecondFactorNeeded(Refused):
    """A password alone doesn't open this account."""

    code: ClassVar[str] = "second_factor_needed"


def let_sign_up(request: HttpRequest) -> None:
    """Count one more new account from this address. Raises ``TriesExceeded``."""
    with context.request_context(request):
        if not ratelimit.consume(request, action="signup"):
            raise TriesExceeded("Wait a minute, then send the same request again.")


def let_propose(request: HttpRequest, caller: Caller) -> None:
    """Count one more proposal of this account. Raises ``TriesExceeded``."""
    _count(request, caller, action="propose")


def let_register(request: HttpRequest, caller: Caller) -> None:
    """Count one more wallet RPC of this account. Raises ``TriesExceeded``."""
    _count(request, caller, action="register_wallet_rpc")


def let_in(request: HttpRequest, name: str, password: str) -> Account:
    """The account that name and password open, as far as they are enough.

    Raises ``TriesExceeded`` (also for names that don't exist), ``CredentialsWrong``, and
    ``SecondFactorNeeded`` for an account that has, or must have, a second factor.
    """
    with context.request_context(request):
        failed = {"action": "login_failed", "key": f"api:{name.lower()}"}
        if not ratelimit.consume(request, dry_run=True, **failed):
            raise TriesExceeded("Wait five minutes, then send the same request again.")
        try:
            account = authenticate(name, password)
        except CredentialsWrong:
            ratelimit.consume(request, **failed)
            raise
    if account.is_staff or account.is_arbiter or get_adapter().is_mfa_enabled(account):
        raise SecondFactorNeeded("Sign in on the pages and make the token there.")
    return account


def _count(request: HttpRequest, caller: Caller, *, action: str) -> None:
    with context.request_context(request):
        if not ratelimit.consume(request, action=action, key=f"account:{caller.account_id}"):
            raise TriesExceeded("Wait a minute, then send the same request again.")
