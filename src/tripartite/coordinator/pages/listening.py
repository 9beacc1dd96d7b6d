"""A page that listens for news: it is let in by the session of its reader.

Browsers send cookies with a WebSocket whoever opens it, and scripts of other sites may open one. So
the page must be our own: the browser says where it comes from, and no script can change that.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import ClassVar, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.events.gateway import Listener
from tripartite.coordinator.events.log import Reader
from tripartite.coordinator.pages.middleware import lacks_second_factor
from tripartite.domain.errors import Refused

PATH: Final = "/news"


class SessionOver(Refused):
    """Nobody is signed in there."""

    code: ClassVar[str] = "session_over"


def page(cookies: str, origin: str, host: str) -> Listener:
    """A page of ours: it hears of its reader's own escrows, from now on."""

    def who() -> Reader:
        if not is_ours(origin, host):
            raise SessionOver("Only this service's own pages may listen.")
        # An admin, too, is here for their own escrows.
        return Reader(_account_in(cookies).pk, is_admin=False)

    return Listener(who, after=None, brief=True)


def is_ours(origin: str, host: str) -> bool:
    """Whether a page of this service opened the connection, by whatever name it was reached."""
    # A proxy may drop the port from the host, but it can't change the setting.
    if origin == settings.COORDINATOR.public_origin:
        return True
    try:
        named = urlsplit(origin).netloc
    except ValueError:
        return False
    return named != "" and named == host


def _account_in(cookies: str) -> Account:
    """Who is signed in. Changes nothing: a request renews sessions, listening doesn't."""
    session = SessionStore(_session_key(cookies))
    account = Account.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if (
        account is None
        # A changed password ends sessions, as on every page.
        or not constant_time_compare(
            session.get(HASH_SESSION_KEY, ""), account.get_session_auth_hash()
        )
        or lacks_second_factor(account)
    ):
        raise SessionOver("Sign in.")
    return account


def _session_key(cookies: str) -> str | None:
    try:
        found = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return None if found is None else found.value
