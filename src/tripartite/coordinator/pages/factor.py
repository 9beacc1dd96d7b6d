"""The second factor, asked for again before somebody decides about money."""

from __future__ import annotations

import time

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from tripartite.coordinator.accounts.models import Account


def must_prove(request: HttpRequest, account: Account) -> bool:
    """Whether this account has a second factor that wasn't asked for again just now.

    That of the sign-in doesn't count: this is about who sits there at this moment.
    """
    if not get_adapter().is_mfa_enabled(account):
        return False
    given = [
        one
        for one in get_authentication_records(request, account)
        if one.get("method") == "mfa" and one.get("reauthenticated")
    ]
    return not given or time.time() - given[-1]["at"] > app_settings.REAUTHENTICATION_TIMEOUT


def where_to_prove(account: Account, path: str) -> str:
    """The page that asks for it, and leads back to ``path``."""
    has_app = get_adapter().is_mfa_enabled(account, [Authenticator.Type.TOTP])
    page = "mfa_reauthenticate" if has_app else "mfa_reauthenticate_webauthn"
    return f"{reverse(page)}?{urlencode({'next': path})}"
