"""Pages of those without an agent of their own: an identity held here, a wallet RPC, a proposal."""

from __future__ import annotations

from typing import Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from tripartite.coordinator.accounts.gates import let_propose, let_register
from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.pages.errors import refused
from tripartite.coordinator.pages.factor import must_prove, where_to_prove
from tripartite.coordinator.pages.paying import PayoutAddress
from tripartite.coordinator.pages.proposal import ProposalForm
from tripartite.coordinator.pages.reader import account_of, caller_of
from tripartite.coordinator.pages.refusals import in_reader_language, said
from tripartite.coordinator.pages.sure import new_sure, sure_of
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets import deciding, registering
from tripartite.coordinator.wallets.credentials import Credentials
from tripartite.coordinator.wallets.errors import EscrowNotYours
from tripartite.coordinator.wallets.models import PENDING, AttachedDecision, WalletMapping
from tripartite.coordinator.wallets.registering import last_registration, require_attached, role_in
from tripartite.coordinator.wallets.rpc_url import read_rpc_url
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

_SALT: Final = "attached-proposal"


class WalletForm(forms.Form):
    """Where a wallet RPC is, and what opens it."""

    rpc_url = forms.CharField(
        max_length=128,
        label=gettext_lazy("Address of your monero-wallet-rpc"),
        help_text=gettext_lazy(
            "http://NAME.onion:PORT, or http://127.0.0.1:PORT on the service's own machine."
        ),
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off"}),
    )
    rpc_user = forms.CharField(max_length=256, required=False, label=gettext_lazy("Its user"))
    rpc_password = forms.CharField(
        max_length=256,
        required=False,
        label=gettext_lazy("Its password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


class AttachedProposal(ProposalForm):
    """The whole of the terms: there is no page at home to type the rest on."""

    subject = forms.CharField(
        max_length=2_000, label=gettext_lazy("What is traded"), widget=forms.Textarea
    )
    payout_address = PayoutAddress()

    def content(self) -> dict[str, str]:
        """As a decision keeps it."""
        told = self.cleaned_data
        return {
            "counterparty": told["other"],
            "arbiter": told["arbiter"],
            "amount": str(told["amount"]),
            "subject": told["subject"],
            "payout_address": told["payout_address"],
            "arbiter_fee_percent": str(told["arbiter_fee"] or 0),
            "network_fee": told["network_fee"],
        }


@require_POST
@login_required
def attach_identity(request: HttpRequest) -> HttpResponse:
    """Let the operator make and hold this account's identity key, from now on and for good."""
    if request.POST.get("read") != "yes":
        messages.error(request, _("Tick that you have read it."))
        return redirect("agent")
    if must_prove(request, account_of(request)):
        return redirect(where_to_prove(account_of(request), "/account/agent"))
    try:
        registering.attach_identity(caller_of(request))
    except TripartiteError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, _("Your agent is being made. Its fingerprint shows here soon."))
    return redirect("agent")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def wallet_rpc(request: HttpRequest, escrow_id: str) -> HttpResponse:
    """Register the wallet RPC for one's own side of an escrow, and see where that stands."""
    account, caller = account_of(request), caller_of(request)
    try:
        role = role_in(caller, escrow_id)
    except (EscrowUnknown, EscrowNotYours) as error:
        raise Http404 from error
    form = WalletForm(request.POST or None)
    try:
        require_attached(account.pk)
        if must_prove(request, account):
            return redirect(where_to_prove(account, request.path))
        if request.method == "POST" and form.is_valid() and _asked(request, escrow_id, role, form):
            return redirect("wallet_rpc", escrow_id=escrow_id)
    except TripartiteError as error:
        return refused(request, error)
    last = last_registration(escrow_id, role)
    context = {
        "here": "escrows",
        "escrow_id": escrow_id,
        "form": form,
        "registered": WalletMapping.objects.filter(escrow_id=escrow_id, role=role.value).first(),
        "pending": last is not None and last.state == PENDING,
        "refused": last if last is not None and last.code else None,
        "why_refused": "" if last is None else in_reader_language(last.detail),
    }
    response = render(request, "escrows/wallet_rpc.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _asked(request: HttpRequest, escrow_id: str, role: Role, form: WalletForm) -> bool:
    """Whether the wish was taken; else the form says why not."""
    told = form.cleaned_data
    caller = caller_of(request)
    try:
        let_register(request, caller)
        place = read_rpc_url(told["rpc_url"].strip())
        credentials = Credentials(place, told["rpc_user"], Secret(told["rpc_password"]))
        asked = registering.ask_registration(caller, escrow_id, role, credentials, request_key="")
    except Refused as error:
        form.add_error(None, said(error))
        return False
    if asked.warning is not None:
        messages.warning(
            request,
            _(
                "The wallet RPC of another party of this escrow is registered here already. Two "
                "signers are enough to move the money, so one operator must never reach two. This "
                "network has no real money, so it is only a warning."
            ),
        )
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def propose_here(request: HttpRequest) -> HttpResponse:
    """Propose an escrow with the agent that the operator runs: typed, asked once more, stored."""
    account = account_of(request)
    try:
        require_attached(account.pk)
        if must_prove(request, account) and request.method != "POST":
            return redirect(where_to_prove(account, request.get_full_path()))
        response = _proposed(request)
    except TripartiteError as error:
        response = refused(request, error)
    response["Cache-Control"] = "no-store"
    return response


def _proposed(request: HttpRequest) -> HttpResponse:
    account, caller = account_of(request), caller_of(request)
    posted = request.method == "POST"
    form = AttachedProposal(request.POST if posted else None, initial=request.GET.dict())
    context: dict[str, object] = {"here": "propose", "form": form, "preview": None}
    if not posted or not form.is_valid():
        return render(request, "escrows/propose_here.html", context, status=422 if posted else 200)
    limits = settings.COORDINATOR.limits
    preview = form.preview(account, agent_page="", limits=limits)
    if preview is None:
        return render(request, "escrows/propose_here.html", context, status=422)
    content = form.content()
    asked = [account.pk, content]
    escrow_id = sure_of(request, asked, salt=_SALT)
    proves = must_prove(request, account)
    if escrow_id is None or request.POST.get("read") != "yes" or proves:
        context |= {
            "preview": preview,
            "sure": new_sure(asked, salt=_SALT),
            "must_prove": proves,
            "prove": where_to_prove(account, "/propose/here"),
        }
        return render(request, "escrows/propose_here.html", context)
    let_propose(request, caller)
    with write_transaction():
        # The same button pressed twice proposes once.
        if not AttachedDecision.objects.filter(escrow_id=escrow_id).exists():
            role = Role(form.cleaned_data["role"])
            deciding.propose(caller, escrow_id, role, content, limits=limits)
    messages.success(request, _("Your agent signs it now, and says it to the others."))
    return redirect("escrows")
