"""What somebody sends as a passkey: read, or refused.

django-allauth's forms fail on endless nesting, and on a new passkey of the right shape with garbage
in it; these are the same forms, which say no.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms


class Response(forms.JSONField):
    """A browser's answer about a passkey."""

    def to_python(self, value: object) -> Any:  # noqa: ANN401 — whatever JSON it was
        try:
            return super().to_python(value)
        except RecursionError as error:
            raise get_adapter().validation_error("incorrect_code") from error

    def bound_data(self, data: object, initial: object) -> None:
        """It counts once: no page shows it again."""


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A new passkey."""

    credential = Response(widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        """Raises Django's ``ValidationError``."""
        try:
            cleaned: dict[str, object] = super().clean()
        except ValueError as error:  # of fido2, which reads the response
            raise get_adapter().validation_error("incorrect_code") from error
        return cleaned


class SecondFactorForm(AuthenticateWebAuthnForm):  # type: ignore[misc]  # as above
    """A passkey after the password."""

    credential = Response(widget=forms.HiddenInput)


class ReauthenticateForm(ReauthenticateWebAuthnForm):  # type: ignore[misc]  # as above
    """A passkey once more, before something grave."""

    credential = Response(widget=forms.HiddenInput)


class SignInForm(LoginWebAuthnForm):  # type: ignore[misc]  # as above
    """A passkey in place of a password."""

    credential = Response(widget=forms.HiddenInput)
