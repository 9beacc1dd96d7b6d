"""Where somebody is paid, typed on a page of the coordinator."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Refused


class PayoutAddress(forms.CharField):
    """A Monero address, judged by kind, network and keys, as the agent will."""

    def __init__(self) -> None:
        super().__init__(
            max_length=128,
            label=gettext_lazy("A Monero address of yours, where you are paid"),
            widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off"}),
        )

    def clean(self, value: object) -> str:
        """The address as typed. Raises ``ValidationError``."""
        text = str(super().clean(value))
        try:
            parse_address(text, settings.COORDINATOR.network)
        except Refused as error:
            raise forms.ValidationError(_("That is no address on this network.")) from error
        return text
