"""Sessions of browsers, in the database: the secret of an app that is being set up is sealed.

django-allauth keeps that secret in the session until the app's first code has come. It is sealed
for this one session, so that the database alone never tells a second factor.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session

from tripartite.coordinator.keyring import SealedRowMoved, SealedUnderUnknownKey, Spot, keyring
from tripartite.coordinator.storing import now
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.domain.secrets import Secret

SESSIONS_KEY: Final = "sessions:"

_PAUSE: Final = timedelta(hours=1)

Content = dict[str, Any]  # whatever Django and django-allauth keep as JSON


class SessionStore(DatabaseStore):
    """Django's, except for that secret: sealed in the row, open in memory."""

    def load(self) -> Content:
        """The session's content. Raises ``KeyringUnusable``."""
        return _opened(super().load(), self.session_key)

    def create_model_instance(self, data: Mapping[str, Any]) -> AbstractBaseSession:
        """The row as it is stored. Raises ``KeyringUnusable``."""
        key = self._get_or_create_session_key()  # type: ignore[attr-defined]  # stubs lack it
        return super().create_model_instance(_sealed(data, key))


def forget_ended(lease: Lease) -> Again:
    """The handler for ``sessions:``: what expired is deleted, once an hour."""
    at = now()
    with fenced(lease):
        Session.objects.filter(expire_date__lt=at).delete()
        # The list that people see; a session that begins just now has its row there first.
        living = Session.objects.values("session_key")
        UserSession.objects.filter(created_at__lt=at - _PAUSE).exclude(
            session_key__in=living
        ).delete()
    return Again(_PAUSE)


def _sealed(data: Mapping[str, Any], session_key: str) -> Content:
    content = dict(data)
    if secret := content.get(SECRET_SESSION_KEY):
        sealed = keyring().seal(Secret(secret), _spot(session_key))
        content[SECRET_SESSION_KEY] = b64encode(sealed).decode()
    return content


def _opened(content: Content, session_key: str | None) -> Content:
    """A secret that doesn't open is left out: another is then made for the app."""
    if session_key and (text := content.pop(SECRET_SESSION_KEY, None)):
        try:
            secret = keyring().open(b64decode(text), _spot(session_key))
        except (SealedRowMoved, SealedUnderUnknownKey, ValueError):
            return content
        content[SECRET_SESSION_KEY] = secret.reveal()
    return content


def _spot(session_key: str) -> Spot:
    return Spot("django_session", "session_data", session_key)
