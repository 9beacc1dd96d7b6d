"""Every page's address. None holds a name, an amount or anything else about a person."""

from __future__ import annotations

from allauth.account import views as account_views
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from tripartite.coordinator.pages import (
    accounts,
    attaching,
    deciding,
    desk,
    entrance,
    escrows,
    sealed,
    static_files,
)

urlpatterns = [
    path("", entrance.home, name="home"),
    path("language", set_language, name="set_language"),
    path("static/<path:name>", static_files.serve, name="static"),
    path("signup", account_views.signup, name="account_signup"),
    path("login", account_views.login, name="account_login"),
    path("logout", account_views.logout, name="account_logout"),
    path("inactive", account_views.account_inactive, name="account_inactive"),
    path("reauthenticate", account_views.reauthenticate, name="account_reauthenticate"),
    path("account/password", account_views.password_change, name="account_change_password"),
    path("second-factor/", include("allauth.mfa.urls")),
    path("account", accounts.overview, name="account"),
    path("account/sessions", accounts.end_sessions, name="end_sessions"),
    path("account/tokens", accounts.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke", accounts.revoke, name="revoke_token"),
    path("account/agent", accounts.agent, name="agent"),
    path("account/agent/attach", attaching.attach_identity, name="attach_identity"),
    path("escrows", escrows.listing, name="escrows"),
    path("escrows/<str:escrow_id>", escrows.show, name="escrow"),
    path("escrows/<str:escrow_id>/decide/<str:verb>", deciding.decide, name="decide"),
    path("escrows/<str:escrow_id>/sealed", sealed.sealed, name="sealed"),
    path("escrows/<str:escrow_id>/sealed/<str:sha256>", sealed.sealed_file, name="sealed_file"),
    path("escrows/<str:escrow_id>/wallet-rpc", attaching.wallet_rpc, name="wallet_rpc"),
    path("invitation/<str:escrow_id>", escrows.invitation, name="invitation"),
    path("propose", escrows.propose, name="propose"),
    path("propose/here", attaching.propose_here, name="propose_here"),
    path("disputes", desk.disputes, name="disputes"),
    path("operation", desk.operation, name="operation"),
    path("operation/maintenance", desk.switch_maintenance, name="switch_maintenance"),
    path("recovery", desk.recovery, name="recovery"),
    path("recovery/<str:escrow_id>", desk.act, name="recovery_act"),
    path("admin/", admin.site.urls),
]
