"""An account's own page: second factor, sessions, API tokens, the agent."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tripartite.coordinator.accounts.models import ApiToken, PairedIdentity, Scope
from tripartite.coordinator.accounts.tokens import TokenUnknown, issue_token, revoke_token
from tripartite.coordinator.pages.context import AGENT_PORT
from tripartite.coordinator.pages.middleware import lacks_second_factor
from tripartite.coordinator.pages.reader import account_of
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets.freezing import frozen_of
from tripartite.coordinator.wallets.models import AttachedIdentity


class NewToken(forms.Form):
    """What a token is for, and what it may do."""

    label = forms.CharField(
        max_length=64,
        label=gettext_lazy("What it is for"),
        help_text=gettext_lazy("Such as: agent on my laptop."),
    )
    scope = forms.ChoiceField(choices=Scope.choices, label=gettext_lazy("What it may do"))


@require_safe
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Everything about the account, with where to change it."""
    account = account_of(request)
    factors = Authenticator.objects.filter(user=account)
    sessions = [
        one
        for one in UserSession.objects.filter(user=account).order_by("-created_at")
        if one.exists()
    ]
    return render(
        request,
        "accounts/overview.html",
        {
            "identity": PairedIdentity.objects.filter(account=account).first(),
            "has_app": factors.filter(type=Authenticator.Type.TOTP).exists(),
            "passkeys": factors.filter(type=Authenticator.Type.WEBAUTHN).count(),
            "has_codes": factors.filter(type=Authenticator.Type.RECOVERY_CODES).exists(),
            "lacks_factor": lacks_second_factor(account),
            "sessions": sessions,
            "current": request.session.session_key,
            "tokens": ApiToken.objects.filter(account=account, revoked_at=None).order_by("-pk"),
        },
    )


@require_POST
@login_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out one session, or all but this one."""
    found = UserSession.objects.filter(user=account_of(request))
    which = request.POST.get("session", "")
    if which == "others":
        found = found.exclude(session_key=request.session.session_key)
    elif which.isascii() and which.isdigit() and len(which) < 19:
        found = found.filter(pk=int(which))
    else:
        raise Http404
    ended = [one.end() for one in found]
    if not ended and which != "others":
        raise Http404
    messages.success(request, _("Signed out."))
    return redirect("account")


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def tokens(request: HttpRequest) -> HttpResponse:
    """Make a token; its text is shown on the page that answers, and never again."""
    form = NewToken(request.POST or None)
    issued = None
    if request.method == "POST" and form.is_valid():
        with write_transaction():
            issued = issue_token(
                account_of(request), form.cleaned_data["label"], Scope(form.cleaned_data["scope"])
            )
    context = {"form": form, "token": issued.text if issued else None}
    response = render(request, "accounts/tokens.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make a token useless."""
    try:
        revoke_token(account_of(request).pk, token_id)
    except TokenUnknown as error:
        raise Http404 from error
    messages.success(request, _("That token opens nothing any more."))
    return redirect("account")


class AgentPort(forms.Form):
    """Where this reader's agent shows its page, for links to it."""

    port = forms.IntegerField(
        min_value=1, max_value=65_535, label=gettext_lazy("Port of your agent's page")
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def agent(request: HttpRequest) -> HttpResponse:
    """How an agent is paired, and the fingerprint to compare once it is."""
    account = account_of(request)
    # An address may suggest one, to be confirmed.
    suggested = request.GET.get("port", "")
    form = AgentPort(
        request.POST or None,
        initial={"port": suggested or request.session.get(AGENT_PORT, 8710)},
    )
    if request.method == "POST" and form.is_valid():
        request.session[AGENT_PORT] = form.cleaned_data["port"]
        messages.success(request, _("Links to your agent lead there now, until you sign out."))
        return redirect("agent")
    return render(
        request,
        "accounts/agent.html",
        {
            "identity": PairedIdentity.objects.filter(account=account).first(),
            "form": form,
            "attached": AttachedIdentity.objects.filter(pk=account.pk).exists(),
            "frozen": frozen_of(account.pk),
            "asks_for_port": bool(suggested) or form.is_bound,
            "origin": settings.COORDINATOR.public_origin,
        },
    )
