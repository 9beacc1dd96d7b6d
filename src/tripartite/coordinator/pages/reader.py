"""Whose page it is."""

from __future__ import annotations

from django.http import HttpRequest

from tripartite.coordinator.accounts.models import Account


def account_of(request: HttpRequest) -> Account:
    """The account that is signed in; for views behind ``login_required``."""
    user = request.user
    assert isinstance(user, Account), "the view lets in only who is signed in"
    return user
