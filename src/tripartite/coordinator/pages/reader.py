"""Whose page it is."""

from __future__ import annotations

from django.http import HttpRequest

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.tokens import Caller


def account_of(request: HttpRequest) -> Account:
    """The account that is signed in; for views behind ``login_required``."""
    user = request.user
    assert isinstance(user, Account), "the view lets in only who is signed in"
    return user


def caller_of(request: HttpRequest) -> Caller:
    """The same account as the use cases know it: a party, whatever else it may be."""
    account = account_of(request)
    return Caller(account.pk, account.name, is_admin=False, token_id=0)
