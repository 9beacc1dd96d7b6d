"""Pages about escrows: the list, one escrow, an invitation, a proposal being prepared."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tripartite.coordinator.accounts.models import Account, PairedIdentity
from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.context import agent_page
from tripartite.coordinator.pages.proposal import Preview, ProposalForm
from tripartite.coordinator.pages.reader import account_of
from tripartite.coordinator.pages.room import room
from tripartite.coordinator.pages.sight import Sight, look
from tripartite.coordinator.pages.turns import turn_of
from tripartite.coordinator.wallets.freezing import frozen_of
from tripartite.coordinator.wallets.models import AttachedDecision, AttachedIdentity
from tripartite.coordinator.wallets.words import Click
from tripartite.domain.lifecycle import CLOSED, State
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role

_PAGE: Final = 20
_PROPOSALS: Final = 5
"""Proposals shown that an attached agent hasn't said, or couldn't say."""


class Search(forms.Form):
    """What to list. All of it is optional."""

    q = forms.CharField(
        required=False,
        max_length=64,
        label=_("Search"),
        help_text=_("An account's name, or the beginning of an escrow's id."),
    )
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[
            ("", _("all")),
            ("open", _("all that are open")),
            *((state.value, wording.STATES[state]) for state in State),
        ],
    )
    role = forms.ChoiceField(
        required=False,
        label=_("You are"),
        choices=[("", _("anybody")), *((role.value, wording.ROLES[role]) for role in Role)],
    )


@require_safe
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """The account's escrows, what was changed last at the top."""
    account = account_of(request)
    form = Search(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    found = _matching(account, wanted)
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    frozen = frozenset(one.escrow_id for one in frozen_of(account.pk))
    rows = [_row(row, account, frozen=row.escrow_id in frozen) for row in page.object_list]
    query = urlencode({name: value for name, value in wanted.items() if value})
    context = {
        "here": "escrows",
        "form": form,
        "rows": rows,
        "page": page,
        "query": query,
        "searched": bool(query),
        "paired": PairedIdentity.objects.filter(account=account).exists(),
        "proposals": AttachedDecision.objects.filter(account=account, decision=Click.PROPOSE.value)
        .exclude(outcome="done")
        .order_by("-decided_at")[:_PROPOSALS],
    }
    part = "escrows/rows.html" if request.headers.get("HX-Request") else "escrows/list.html"
    return render(request, part, context)


@require_safe
@login_required
def show(request: HttpRequest, escrow_id: str) -> HttpResponse:
    """One escrow. A script asks again with the version it has, and hears only of a newer one."""
    sight = _sight(request, escrow_id)
    depth = sight.payout["confirmations"] if sight.payout else 0
    mark = f"{sight.version}-{depth}-{sight.unsaid}-{sight.frozen or ''}"
    context = {
        "here": "escrows",
        "escrow": sight,
        "mark": mark,
        "invitation": f"{settings.COORDINATOR.public_origin}/invitation/{sight.escrow_id}",
    }
    if request.headers.get("HX-Request"):
        if request.GET.get("seen") == mark:
            return HttpResponse(status=204)  # for htmx: leave everything as it is
        return render(request, "escrows/body.html", context)
    return render(request, "escrows/escrow.html", context)


@require_safe
@login_required
def invitation(request: HttpRequest, escrow_id: str) -> HttpResponse:
    """What the other side opens: it leads to the agent, where terms are read and accepted."""
    sight = _sight(request, escrow_id)
    if sight.accepting is None:
        return redirect("escrow", escrow_id=escrow_id)
    paired = PairedIdentity.objects.filter(account=account_of(request)).exists()
    return render(request, "escrows/invitation.html", {"escrow": sight, "paired": paired})


@require_safe
@login_required
def propose(request: HttpRequest) -> HttpResponse:
    """Prepare a proposal: who gets what in each ending, and the link to one's own agent."""
    account = account_of(request)
    form = ProposalForm(request.GET or None, initial={"role": "buyer", "network_fee": "payee"})
    preview: Preview | None = None
    limits = settings.COORDINATOR.limits
    if form.is_bound and form.is_valid():
        preview = form.preview(account, agent_page=agent_page(request), limits=limits)
    context = {
        "here": "propose",
        "form": form,
        "preview": preview,
        "attached": AttachedIdentity.objects.filter(pk=account.pk).exists(),
        "room": room(limits),
        "arbiters": Account.objects.filter(is_arbiter=True, is_active=True).exclude(pk=account.pk),
        "paired": PairedIdentity.objects.filter(account=account).exists(),
    }
    part = "escrows/preview.html" if request.headers.get("HX-Request") else "escrows/propose.html"
    return render(request, part, context)


def _sight(request: HttpRequest, escrow_id: str) -> Sight:
    try:
        return look(account_of(request), escrow_id, required=settings.COORDINATOR.confirmations)
    except EscrowUnknown as error:
        raise Http404 from error


def _matching(account: Account, wanted: dict[str, str]) -> QuerySet[Escrow]:
    mine = Participant.objects.filter(account=account)
    if role := wanted.get("role"):
        mine = mine.filter(role=role)
    found = Escrow.objects.filter(pk__in=mine.values("escrow"))
    match wanted.get("state") or "":
        case "":
            pass
        case "open":
            found = found.exclude(state__in=[state.value for state in CLOSED])
        case state:
            found = found.filter(state=state)
    if text := (wanted.get("q") or "").strip().lower():
        with_them = Participant.objects.filter(account__name__contains=text).values("escrow")
        found = found.filter(Q(escrow_id__startswith=text) | Q(pk__in=with_them))
    return found.order_by("-changed_at", "escrow_id")


def _row(row: Escrow, account: Account, *, frozen: bool) -> dict[str, object]:
    record = record_of(row.escrow_id, row.version, row.snapshot)
    people = {
        Role(one.role): one.account
        for one in Participant.objects.filter(escrow=row).select_related("account")
    }
    role = next(role for role, one in people.items() if one.pk == account.pk)
    names = {one: people[one].name for one in Role}
    turn = turn_of(record, role, names, frozen=frozen)
    return {
        "escrow_id": row.escrow_id,
        "state": wording.STATES[record.state],
        "role": wording.ROLES[role],
        "amount": format_xmr(row.amount),
        "others": [
            (wording.ROLES[one], person.name) for one, person in people.items() if one is not role
        ],
        "turn": turn,
        "changed_at": row.changed_at,
    }
