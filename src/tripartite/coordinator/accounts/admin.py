"""Accounts in Django's admin, which itself is only reached with a second factor."""

from __future__ import annotations

from typing import ClassVar

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin

from tripartite.coordinator.accounts.models import Account, PairedIdentity

# Django's own login form knows no second factor: the one login there is does.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth documents it
# Secrets of second factors and keys of sessions are nobody's to look at.
admin.site.unregister([Authenticator, UserSession, EmailAddress])
# Nothing is done to many rows at once, and Django's way of choosing them fails over garbage.
admin.site.disable_action("delete_selected")


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic while running
    """Who is an arbiter or an admin, and who is locked out. Passwords aren't touched here."""

    list_display = ("name", "is_active", "is_arbiter", "is_staff", "created_at")
    list_filter = ("is_active", "is_arbiter", "is_staff")
    search_fields = ("name",)
    fields = ("name", "is_active", "is_arbiter", "is_staff", "is_superuser", "last_login")
    readonly_fields: ClassVar[tuple[str, ...]] = ("name", "last_login")

    def has_add_permission(self, request: object) -> bool:
        """Accounts are opened by their owners."""
        return False


@admin.register(PairedIdentity)
class PairedIdentityAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    """Identities, to look at: a key is paired for good."""

    list_display = ("account", "fingerprint", "paired_at")
    search_fields = ("account__name", "fingerprint")

    def has_add_permission(self, request: object) -> bool:
        """Only its agent can pair a key."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody can change one."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Nobody can take one away."""
        return False
