"""For those who look after others' escrows: the arbiter's open disputes, and the admin's start."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.limits import maintenance
from tripartite.coordinator.limits.maintenance import MaintenanceReasonUnsound
from tripartite.coordinator.limits.models import LONGEST_REASON
from tripartite.coordinator.ops.overview import overview
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.reader import account_of
from tripartite.coordinator.pages.refusals import said
from tripartite.coordinator.pages.room import room
from tripartite.coordinator.pages.sight import alarm_of
from tripartite.coordinator.pages.turns import turn_of
from tripartite.coordinator.recovery import actions, cases
from tripartite.coordinator.recovery.actions import Kind
from tripartite.coordinator.recovery.reading import LONGEST, SHORTEST
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.node import OwnNode, latest_sighting
from tripartite.domain.deadlines import Stage, hours_stuck
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import State
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role

_View = Callable[[HttpRequest], HttpResponse]


def admins_only(view: _View) -> _View:
    """For others there is no such page. The second factor was asked for before."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not account_of(request).is_staff:
            raise Http404
        return view(request)

    return login_required(guarded)


@require_safe
@login_required
def disputes(request: HttpRequest) -> HttpResponse:
    """The disputes in which this account is the arbiter, the oldest first, with their clocks."""
    account = account_of(request)
    rows = (
        Escrow.objects.filter(
            state=State.DISPUTED.value,
            participants__account=account,
            participants__role=Role.ARBITER.value,
        )
        .annotate(opened_at=Max("messages__received_at", filter=Q(messages__kind="dispute")))
        .order_by("opened_at", "escrow_id")
    )
    if not account.is_arbiter and not rows:
        raise Http404
    return render(
        request,
        "desk/disputes.html",
        {"here": "disputes", "rows": [_dispute(row) for row in rows]},
    )


@require_safe
@admins_only
def operation(request: HttpRequest) -> HttpResponse:
    """How the service stands: the figures of the monitoring, node, accounts."""
    return render(
        request,
        "desk/operation.html",
        {
            "here": "operation",
            "node": latest_sighting(),
            "cases": cases.cases(offset=0, limit=1).total,
            "room": room(settings.COORDINATOR.limits),
            "kept": maintenance.present(),
            "longest_reason": LONGEST_REASON,
            "groups": overview(settings.COORDINATOR.data_dir),
            "accounts": Account.objects.count(),
            "arbiters": Account.objects.filter(is_arbiter=True).order_by("name"),
            "admins": Account.objects.filter(is_staff=True).order_by("name"),
        },
    )


@require_POST
@admins_only
def switch_maintenance(request: HttpRequest) -> HttpResponse:
    """Take no new escrows, or take them again."""
    on = request.POST.get("on") == "yes"
    try:
        maintenance.switch(
            on=on, reason=request.POST.get("reason", ""), by=account_of(request).name
        )
    except MaintenanceReasonUnsound:
        messages.error(request, _("Say why, in one line of up to 300 characters."))
    else:
        messages.success(request, _("It is on record, and holds from now on."))
    return redirect("operation")


class Act(forms.Form):
    """What to do about a case, and why: the notes stay on record, and the parties are told."""

    action = forms.ChoiceField(choices=wording.ACTS.items(), label=gettext_lazy("What to do"))
    admin_notes = forms.CharField(
        min_length=SHORTEST,
        max_length=LONGEST,
        widget=forms.Textarea,
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("10 to 1,000 characters. They stay on record."),
    )


@require_safe
@admins_only
def recovery(request: HttpRequest) -> HttpResponse:
    """Every escrow that needs a person: recovery cases and disputes, the oldest first."""
    found = cases.cases(offset=0, limit=cases.PAGE)
    context = {
        "here": "recovery",
        "cases": [_case(case) for case in found.cases],
        "last_stage": int(Stage.RECOVERY),
        "form": Act(),
    }
    return render(request, "desk/recovery.html", context)


@require_POST
@login_required
def act(request: HttpRequest, escrow_id: str) -> HttpResponse:
    """Do something about a case. Nothing of it moves money."""
    account = account_of(request)
    if not account.is_staff:
        raise Http404
    form = Act(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why, in 10 to 1,000 characters."))
        return redirect("recovery")
    own = OwnNode.of(settings.COORDINATOR)
    caller = Caller(account.pk, account.name, is_admin=True, token_id=0)
    try:
        kind = Kind(form.cleaned_data["action"])
        actions.take(
            actions.Wish(caller, escrow_id, kind, form.cleaned_data["admin_notes"]),
            own=own,
            investigated=settings.COORDINATOR.investigated,
            remember=lambda _: None,
        )
    except EscrowUnknown as error:
        raise Http404 from error
    except TripartiteError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, _("It is on record, and the parties are told."))
    finally:
        own.close()
    return redirect("recovery")


def _case(case: cases.Case) -> dict[str, object]:
    """A case in words; what the parts of an act came to stays as the guide for admins names it."""
    return {
        **case,
        "state": wording.STATES[State(case["original_status"])],
        "is_urgent": case["stage"] == Stage.RECOVERY,
        "parties": [(wording.ROLES[Role(role)], name) for role, name in case["parties"].items()],
        "waiting_on": [
            (wording.ROLES[Role(one["role"])], wording.THEIR_TURN.get(one["what"], one["what"]))
            for one in case["waiting_on"]
        ],
        "actions": [{**one, "name": wording.ACTS[str(one["action"])]} for one in case["actions"]],
    }


def _dispute(row: Escrow) -> dict[str, object]:
    record = record_of(row.escrow_id, row.version, row.snapshot)
    names = {
        Role(role): name for role, name in row.participants.values_list("role", "account__name")
    }
    opened_at = getattr(row, "opened_at", None) or row.changed_at
    return {
        "escrow_id": row.escrow_id,
        "amount": format_xmr(row.amount),
        "opened_by": wording.ROLES[record.disputed_by] if record.disputed_by else "",
        "opened_at": opened_at,
        "hours": hours_stuck(last_activity=opened_at, now=now()),
        "due": alarm_of(row, record.state),
        "buyer": names[Role.BUYER],
        "vendor": names[Role.VENDOR],
        "turn": turn_of(record, Role.ARBITER, names),
    }
