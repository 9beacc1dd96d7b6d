"""Hooks into django-allauth: secrets of second factors are sealed before they are stored."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_init, pre_save


class AccountsConfig(AppConfig):
    """Accounts."""

    name = "tripartite.coordinator.accounts"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator  # noqa: PLC0415 — models are there only now

        from tripartite.coordinator.accounts import second_factors  # noqa: PLC0415 — as above

        pre_save.connect(
            second_factors.seal_row, sender=Authenticator, dispatch_uid="tripartite.factors.seal"
        )
        post_init.connect(
            second_factors.check_row, sender=Authenticator, dispatch_uid="tripartite.factors.check"
        )
