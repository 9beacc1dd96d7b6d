"""Django's own middleware for sessions and pages, led past the API.

The API is stateless: it knows bearer tokens and nothing else. So a request for it reads no
cookie, opens no session and pays for none of this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from allauth.mfa.adapter import get_adapter
from csp.middleware import CSPMiddleware
from django.contrib import messages
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.keyring import KeyringUnusable, SealedRowMoved, SealedUnderUnknownKey
from tripartite.coordinator.pages.errors import refused

# Django's stubs allow for middleware that awaits; ours never does.
_Response = HttpResponseBase | Awaitable[HttpResponseBase]
_Next = Callable[[HttpRequest], HttpResponseBase]

_log = structlog.get_logger()

_API: Final = "/api/"
_FREE: Final = ("/second-factor/", "/reauthenticate", "/logout", "/static/", "/language")
"""What an admin or arbiter reaches who hasn't set up a second factor yet."""


class Policy(CSPMiddleware):
    """The content security policy of pages."""

    def __call__(self, request: HttpRequest) -> _Response:
        if request.path.startswith(_API):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(SessionMiddleware):
    """Sessions, kept in the database; what is sealed in one is stored when the page is done."""

    def __call__(self, request: HttpRequest) -> _Response:
        if request.path.startswith(_API):
            return self.get_response(request)
        try:
            return super().__call__(request)
        except KeyringUnusable as error:
            _log.error("sealed_secret_lost", code=error.code)
            return refused(request, error)


class Language(LocaleMiddleware):
    """The reader's language, for this one request: threads are used again."""

    def __call__(self, request: HttpRequest) -> _Response:
        if request.path.startswith(_API):
            return self.get_response(request)
        try:
            return super().__call__(request)
        finally:
            translation.deactivate()


class Authentication(AuthenticationMiddleware):
    """Whose session it is."""

    def __call__(self, request: HttpRequest) -> _Response:
        if request.path.startswith(_API):
            return self.get_response(request)
        return super().__call__(request)


class Messages(MessageMiddleware):
    """What the next page has to say first."""

    def __call__(self, request: HttpRequest) -> _Response:
        if request.path.startswith(_API):
            return self.get_response(request)
        return super().__call__(request)


class Sealed:
    """Pages that need a sealed secret which can't be opened say so, as the API does.

    Whoever checks a second factor asks for its secret somewhere inside django-allauth.
    """

    def __init__(self, get_response: _Next) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Django asks this about whatever a view didn't catch."""
        if not isinstance(error, KeyringUnusable | SealedUnderUnknownKey | SealedRowMoved):
            return None
        _log.error("sealed_secret_lost", code=error.code)
        return refused(request, error)


def second_factor_first(get_response: _Next) -> _Next:
    """Admins and arbiters see nothing before they have set up a second factor."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith((_API, *_FREE)):
            return get_response(request)
        user = request.user
        if isinstance(user, Account) and lacks_second_factor(user):
            messages.warning(
                request,
                _("Admins and arbiters need a second factor. Set up one of these to go on."),
            )
            return HttpResponseRedirect(reverse("mfa_index"))
        return get_response(request)

    return middleware


def lacks_second_factor(account: Account) -> bool:
    """Whether this account must have a second factor and has none."""
    return (account.is_staff or account.is_arbiter) and not get_adapter().is_mfa_enabled(account)
