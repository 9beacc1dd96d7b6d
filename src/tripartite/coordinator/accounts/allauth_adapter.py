"""How django-allauth deals with our accounts."""

from __future__ import annotations

from typing import Final

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

_NOT_KEPT: Final = "0.0.0.0"  # noqa: S104 — nothing listens on it: it says that there is none


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody's network address is kept: a session is known by its browser and its day."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address for the limits before a login; after it one is only stored, so none."""
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return _NOT_KEPT
        return str(request.META.get("REMOTE_ADDR") or _NOT_KEPT)

    def send_notification_mail(self, *_: object, **__: object) -> None:
        """There is no e-mail address to send one to."""
