"""A proposal being prepared: what each ending pays, and the way to one's own agent.

Nothing is proposed here. What is traded and where somebody is paid is typed on the agent's own
page: this server must not learn it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tripartite.coordinator.accounts.models import NAME_LENGTH, Account
from tripartite.coordinator.pages.asking import Ending, endings
from tripartite.coordinator.pages.room import objection
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.domain.errors import Refused
from tripartite.domain.limits import Limits
from tripartite.domain.money import format_xmr, parse_xmr
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer

_BPS = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """Who gets what in each ending (XMR as text), and how to go on."""

    endings: tuple[Ending, ...]
    link: str
    command: str
    here: str
    """The page to go on with for whose agent the operator runs."""


class ProposalForm(forms.Form):
    """The open part of the terms."""

    role = forms.ChoiceField(
        label=gettext_lazy("You are"),
        choices=[("buyer", gettext_lazy("the buyer")), ("vendor", gettext_lazy("the vendor"))],
    )
    other = forms.CharField(label=gettext_lazy("The other side's account"), max_length=NAME_LENGTH)
    arbiter = forms.CharField(label=gettext_lazy("The arbiter's account"), max_length=NAME_LENGTH)
    amount = forms.CharField(
        label=gettext_lazy("Amount in XMR"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    arbiter_fee = forms.DecimalField(
        label=gettext_lazy("Arbiter's fee of a ruling, in per cent"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=2,
    )
    network_fee = forms.ChoiceField(
        label=gettext_lazy("Who bears the network's fee"),
        choices=[
            (NetworkFeeBearer.PAYEE.value, gettext_lazy("the vendor")),
            (NetworkFeeBearer.PAYER.value, gettext_lazy("the buyer")),
            (NetworkFeeBearer.SHARED.value, gettext_lazy("both")),
        ],
    )

    def clean_amount(self) -> int:
        """Piconero."""
        try:
            return parse_xmr(self.cleaned_data["amount"].strip())
        except Refused as error:
            raise forms.ValidationError(
                _("Write the amount in XMR as plain digits, such as 1.25.")
            ) from error

    def clean_other(self) -> str:
        """An account that can be found by everybody who is signed in."""
        return _known(self.cleaned_data["other"])

    def clean_arbiter(self) -> str:
        """An account, too, whose agent isn't away."""
        name = _known(self.cleaned_data["arbiter"])
        if AgentPresence.objects.filter(account__name=name, online=False).exists():
            raise forms.ValidationError(
                _("This arbiter's agent is away. Name another one, or wait until it is back.")
            )
        return name

    def preview(self, account: Account, *, agent_page: str, limits: Limits) -> Preview | None:
        """What the form says; None, with an error on the form, if it wouldn't be taken."""
        told = self.cleaned_data
        if len({told["other"], told["arbiter"], account.name}) < 3:
            self.add_error(None, _("Buyer, vendor and arbiter have to be three accounts."))
            return None
        if objected := objection(limits, told["amount"]):
            self.add_error(None, objected)
            return None
        bps = int((told["arbiter_fee"] or 0) * _BPS)
        fees = FeeRule(NetworkFeeBearer(told["network_fee"]), bps, 0)
        amount = told["amount"]
        other = "vendor" if told["role"] == "buyer" else "buyer"
        fee = str(told["arbiter_fee"] or 0)
        words = {
            other: told["other"],
            "arbiter": told["arbiter"],
            "amount": format_xmr(amount),
            "arbiter_fee": fee,
            "network_fee": told["network_fee"],
        }
        typed = {
            "role": told["role"],
            "other": told["other"],
            **{name: words[name] for name in ("arbiter", "amount", "arbiter_fee", "network_fee")},
        }
        address = "--refund-address" if told["role"] == "buyer" else "--payout-address"
        return Preview(
            endings=endings(amount, amount, fees),
            link=f"{agent_page}/propose?{urlencode(words)}",
            here=f"{reverse('propose_here')}?{urlencode(typed)}",
            command=(
                f"tripartite agent propose --{other} {told['other']} --arbiter {told['arbiter']} "
                f"--amount {format_xmr(amount)} --arbiter-fee {fee} "
                f"--network-fee {told['network_fee']} {address} … --subject …"
            ),
        )


def _known(name: str) -> str:
    """The name, if such an account has an agent. Accounts are found by name anyway."""
    found = name.strip().lower()
    if not Account.objects.filter(name=found, is_active=True, identity__isnull=False).exists():
        raise forms.ValidationError(_("No account of that name has an agent paired with it."))
    return found
