"""What somebody typed into a form, as values. Each raises what reading such a value raises."""

from __future__ import annotations

import secrets

from tripartite.agent import consent, proposing
from tripartite.agent.page.forms import Form
from tripartite.domain.errors import Refused
from tripartite.domain.money import parse_xmr
from tripartite.domain.parties import Network, Role
from tripartite.domain.percentages import parse_percent
from tripartite.domain.settlement import ALL_BPS
from tripartite.domain.terms import Deadlines, Terms


def draft_in(form: Form) -> proposing.Draft:
    """What was typed. Raises what ``read_draft`` raises."""
    other = form.text("vendor").strip() or form.text("buyer").strip() or form.text("other").strip()
    sells = form.text("role") == "vendor"
    return proposing.read_draft(
        buyer=other if sells else None,
        vendor=None if sells else other,
        arbiter=form.text("arbiter").strip(),
        amount=form.text("amount").strip(),
        subject=form.text("subject").strip(),
        network_fee=form.text("network_fee") or "payee",
        fee_allowance=form.text("fee_allowance").strip() or None,
        arbiter_fee=form.text("arbiter_fee").strip() or "0",
    )


def endings_in(form: Form, network: Network) -> tuple[consent.EndingRow, ...]:
    """Who gets what in each ending, as far as the form is filled in."""
    try:
        draft = draft_in(form)
        return consent.endings(
            Terms(
                escrow_id=secrets.token_hex(16),
                network=network,
                amount=draft.amount,
                proposer=draft.role,
                fees=draft.fees,
                fee_allowance=draft.allowance,
                platform_address=None,
                confirmations=draft.confirmations,
                deadlines=Deadlines(),
            )
        )
    except Refused:
        return ()


def arbiter_in(form: Form) -> tuple[str, int, int | None]:
    """A new arbiter's account, its fee in basis points, and the amount if one was named."""
    amount = form.text("amount").strip()
    fee = parse_percent(form.text("arbiter_fee").strip() or "0")
    return form.text("arbiter").strip(), fee, parse_xmr(amount) if amount else None


def share_in(text: str) -> int:
    """The vendor's part of a split, in piconero."""
    return parse_xmr(text.strip(), zero_allowed=True)


def bps_in(form: Form) -> int:
    """The vendor's part of a ruling, in basis points. Raises ``FeeRuleInvalid``."""
    winner = {"buyer": 0, "vendor": ALL_BPS}.get(form.text("winner"))
    return parse_percent(form.text("vendor_percent")) if winner is None else winner


def cosigner_in(form: Form) -> Role | None:
    """Who signs a ruling with the arbiter, if somebody was named."""
    chosen = form.text("cosigner")
    return Role(chosen) if chosen in (Role.BUYER, Role.VENDOR) else None
