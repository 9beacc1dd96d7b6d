"""Decisions of parties whose wallet is attached: what is asked, asked once more, and stored.

Nothing that was typed is kept between the two: it travels with the form. What was read is what is
stored, once, because the button carries a signature over both.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from tripartite.coordinator.accounts.models import NAME_LENGTH, Account
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.escrows.succeeding import successor_record
from tripartite.coordinator.pages.asking import ask, title_of
from tripartite.coordinator.pages.errors import refused
from tripartite.coordinator.pages.factor import must_prove, where_to_prove
from tripartite.coordinator.pages.paying import PayoutAddress
from tripartite.coordinator.pages.reader import account_of, caller_of
from tripartite.coordinator.pages.refusals import said
from tripartite.coordinator.pages.sure import new_sure, sure_of
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets import deciding
from tripartite.coordinator.wallets.moving import (
    destination,
    is_paid_as_before,
    named,
    new_terms,
)
from tripartite.coordinator.wallets.registering import require_attached
from tripartite.coordinator.wallets.words import (
    MAX_EVIDENCE_BYTES,
    MAX_TEXT,
    Click,
    Content,
    check_open,
    check_words,
    on_the_table,
)
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.domain.money import parse_xmr
from tripartite.domain.parties import Role
from tripartite.protocol.record import Record
from tripartite.protocol.succession import may_replace

_SALT: Final = "attached-decision"

_BPS: Final = 100


class Words(forms.Form):
    """What has to be said with a click. Most need nothing."""

    def content(self) -> Content:
        """As a decision keeps it."""
        return {}


class _Address(Words):
    payout_address = PayoutAddress()

    def content(self) -> Content:
        return {"payout_address": self.cleaned_data["payout_address"]}


class _Share(Words):
    vendor_share = forms.CharField(
        max_length=40,
        label=gettext_lazy("For the vendor, in XMR"),
        help_text=gettext_lazy("Of the agreed amount; the buyer gets the rest."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def clean_vendor_share(self) -> str:
        """As typed; XMR."""
        text = str(self.cleaned_data["vendor_share"]).strip()
        try:
            parse_xmr(text, zero_allowed=True)
        except Refused as error:
            raise forms.ValidationError(
                _("Write the amount in XMR as plain digits, such as 1.25.")
            ) from error
        return text

    def content(self) -> Content:
        return {
            "vendor_share": str(parse_xmr(self.cleaned_data["vendor_share"], zero_allowed=True))
        }


class _Text(Words):
    text = forms.CharField(
        max_length=MAX_TEXT,
        label=gettext_lazy("What you say"),
        help_text=gettext_lazy("Your agent seals it, so that only the three of you can read it."),
        widget=forms.Textarea,
    )

    def content(self) -> Content:
        return {"text": self.cleaned_data["text"]}


class _File(Words):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("At most 256 KiB. Several files are shown one after the other."),
    )

    def clean_file(self) -> UploadedFile[bytes]:
        """Not too large for one request."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if file.size is None or file.size > MAX_EVIDENCE_BYTES:
            raise forms.ValidationError(_("At most 256 KiB: make it smaller, or split it."))
        return file

    def content(self) -> Content:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        data = base64.b64encode(file.read()).decode()
        return {"file_name": str(file.name)[:200], "file_data": data}


class _Percent(Words):
    vendor_percent = forms.DecimalField(
        min_value=0,
        max_value=100,
        decimal_places=2,
        label=gettext_lazy("The vendor's part, in per cent"),
        help_text=gettext_lazy(
            "100: all to the vendor. 0: all to the buyer. The arbiter's fee is taken off first."
        ),
    )

    def content(self) -> Content:
        return {"vendor_bps": str(int(self.cleaned_data["vendor_percent"] * _BPS))}


class _Arbiter(Words):
    arbiter = forms.CharField(
        max_length=NAME_LENGTH, label=gettext_lazy("The new arbiter's account")
    )
    arbiter_percent = forms.DecimalField(
        min_value=0,
        max_value=100,
        decimal_places=2,
        label=gettext_lazy("Arbiter's fee of a ruling, in per cent"),
    )

    def clean_arbiter(self) -> str:
        """As accounts are written."""
        return str(self.cleaned_data["arbiter"]).strip().lower()

    def content(self) -> Content:
        bps = int(self.cleaned_data["arbiter_percent"] * _BPS)
        return {"arbiter": self.cleaned_data["arbiter"], "arbiter_bps": str(bps)}


class _Offer(Words):
    """What was on the table when the question was asked: filled in by us, not typed."""

    vendor_share = forms.RegexField(r"[0-9]{1,20}", required=False, widget=forms.HiddenInput)
    vendor_bps = forms.RegexField(r"[0-9]{1,5}", required=False, widget=forms.HiddenInput)
    successor = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    successor_address = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)

    def content(self) -> Content:
        return {name: value for name, value in self.cleaned_data.items() if value}


_FORMS: Final[Mapping[Click, type[Words]]] = {
    Click.ACCEPT: _Address,
    Click.SETTLE: _Share,
    Click.DISPUTE: _Text,
    Click.STATE: _Text,
    Click.EVIDENCE: _File,
    Click.RULE: _Percent,
    Click.AGREE: _Offer,
    Click.MOVE: _Offer,
    Click.REPLACE: _Arbiter,
}
_OFFERED: Final = frozenset({Click.AGREE, Click.MOVE})
_ASKED_AT_ONCE: Final = frozenset(Click) - _FORMS.keys() | _OFFERED | {Click.EVIDENCE}
"""What needs no words, or words that can't travel with a second form: one page asks for all."""


_CLICKS: Final = {click.value: click for click in Click if click is not Click.PROPOSE}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def decide(request: HttpRequest, escrow_id: str, verb: str) -> HttpResponse:
    """Ask for the words of a decision, ask once more, and keep it for the agent."""
    account = account_of(request)
    click = _CLICKS.get(verb)
    row = Escrow.objects.filter(escrow_id=escrow_id, participants__account=account).first()
    if click is None or row is None:
        raise Http404
    role = Role(Participant.objects.values_list("role", flat=True).get(escrow=row, account=account))
    record = record_of(row.escrow_id, row.version, row.snapshot)
    page = _Page(request, account, record, role, click)
    try:
        response = page.answer()
    except TripartiteError as error:
        response = refused(request, error)
    response["Cache-Control"] = "no-store"
    return response


class _Page:
    """One look at one decision."""

    def __init__(
        self, request: HttpRequest, account: Account, record: Record, role: Role, click: Click
    ) -> None:
        self._request = request
        self._account = account
        self._record = record
        self._role = role
        self._click = click
        self._successor = successor_record(record.escrow_id)
        self._form_of = _FORMS.get(click, Words)
        self._is_asked_at_once = click in _ASKED_AT_ONCE
        if click is Click.ACCEPT and is_paid_as_before(record, role):
            self._form_of, self._is_asked_at_once = Words, True

    def answer(self) -> HttpResponse:
        """The form, the question, or what follows a yes. Raises what ``decide`` raises."""
        request, click = self._request, self._click
        require_attached(self._account.pk)
        if request.method != "POST":
            check_open(self._record, self._role, click, self._successor)
            if must_prove(request, self._account):
                return redirect(where_to_prove(self._account, request.path))
            return self._question(self._offered()) if self._is_asked_at_once else self._form()
        form = self._form_of(request.POST, request.FILES)
        if not form.is_valid():
            if click is Click.EVIDENCE:
                return self._question({}, form=form, status=422)
            return self._form(form)
        content = self._whole(form.content())
        decision_id = sure_of(request, self._signed(content), salt=_SALT)
        if decision_id is None or request.POST.get("read") != "yes":
            check_open(self._record, self._role, click, self._successor)
            try:
                check_words(self._record, self._role, click, content, self._successor)
                if click is Click.REPLACE:
                    deciding.check_arbiter(self._record, content["arbiter"])
            except Refused as error:
                if self._is_asked_at_once:
                    raise
                form.add_error(None, said(error))
                return self._form(form)
            return self._question(content, form=form)
        if must_prove(request, self._account):
            return self._question(content, form=form, status=403)
        caller = caller_of(request)
        with write_transaction():
            deciding.decide(caller, self._record.escrow_id, click, content, decision_id=decision_id)
        messages.success(request, _("Your agent signs it now, and says it to the others."))
        return redirect("escrow", escrow_id=self._record.escrow_id)

    def _offered(self) -> Content:
        if self._click is Click.MOVE:
            to = destination(self._record, self._role, self._successor)
            return {} if to is None else named(to)
        if self._click is not Click.AGREE:
            return {}
        return on_the_table(self._record, self._role)

    def _whole(self, content: Content) -> Content:
        """With what is shown, though nobody types it: if it is another by then, it is asked anew."""
        if self._click is not Click.REPLACE or not may_replace(self._record, self._role):
            return content
        terms = new_terms(self._record, self._role, int(content["arbiter_bps"]))
        return {**content, "amount": str(terms.amount)}

    def _form(self, form: Words | None = None) -> HttpResponse:
        context = {**self._facts(), "form": form or self._form_of()}
        return self._render(context, 200 if form is None else 422)

    def _question(
        self, content: Content, *, form: Words | None = None, status: int = 200
    ) -> HttpResponse:
        """``form`` is what was typed: it goes along."""
        click = self._click
        if form is None:
            form = _Offer(initial=dict(content)) if click in _OFFERED else self._form_of()
        context = {
            **self._facts(),
            "form": form,
            "asked": ask(self._record, self._role, click, content, self._successor),
            "sure": new_sure(self._signed(content), salt=_SALT),
            # A file can't travel with a second form: it is chosen beside the question.
            "types_here": click is Click.EVIDENCE,
            "must_prove": must_prove(self._request, self._account),
            "prove": where_to_prove(self._account, self._request.path),
        }
        return self._render(context, status)

    def _facts(self) -> dict[str, object]:
        return {
            "here": "escrows",
            "escrow_id": self._record.escrow_id,
            "title": title_of(self._record, self._role, self._click),
            "is_grave": self._click in (Click.CANCEL, Click.DISPUTE, Click.REFUND),
        }

    def _render(self, context: dict[str, object], status: int) -> HttpResponse:
        return render(self._request, "escrows/decide.html", context, status=status)

    def _signed(self, content: Content) -> list[object]:
        """What a yes is bound to."""
        # A file is chosen on the page that asks, and so only known afterwards.
        words = {} if self._click is Click.EVIDENCE else dict(content)
        digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
        return [self._account.pk, self._record.escrow_id, self._click.value, digest]
