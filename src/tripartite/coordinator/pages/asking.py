"""What somebody with an attached wallet reads before a yes: who gets how much, from the record.

Their agent runs at the operator's, so there is no page of it at home: this one asks in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.wording import Text
from tripartite.coordinator.wallets.moving import new_terms
from tripartite.coordinator.wallets.words import Click, Content, on_the_table
from tripartite.domain.deposits import agreed
from tripartite.domain.errors import Refused
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import format_percent
from tripartite.domain.settlement import (
    ALL_BPS,
    FeeRule,
    NetworkFeeBearer,
    Outcome,
    Split,
    divide,
    outcomes,
    refund,
    release,
    ruling,
)
from tripartite.domain.terms import Terms
from tripartite.protocol.record import Record

_BEARERS: Final[Mapping[NetworkFeeBearer, Text]] = {
    NetworkFeeBearer.PAYEE: gettext_lazy(
        "The network's fee comes out of the vendor's part. It is not in the amounts above."
    ),
    NetworkFeeBearer.PAYER: gettext_lazy(
        "The network's fee comes out of the buyer's money. It is not in the amounts above."
    ),
    NetworkFeeBearer.SHARED: gettext_lazy(
        "Vendor and buyer share the network's fee by what each receives. "
        "It is not in the amounts above."
    ),
}


_OUTCOMES: Final[Mapping[Outcome, Text]] = {
    Outcome.RELEASED: gettext_lazy("released"),
    Outcome.REFUNDED: gettext_lazy("refunded"),
    Outcome.RULED_FOR_VENDOR: gettext_lazy("ruled for the vendor"),
    Outcome.RULED_FOR_BUYER: gettext_lazy("ruled for the buyer"),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Who gets what, in XMR as text, before the network's fee."""

    name: Text
    buyer: str
    vendor: str
    arbiter: str
    platform: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything there is to read. ``question`` is what yes answers."""

    question: str
    endings: tuple[Ending, ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def endings(amount: int, due: int, fees: FeeRule) -> tuple[Ending, ...]:
    """Each ending of an escrow, if exactly ``due`` is paid in."""
    return tuple(
        _ending(_OUTCOMES[outcome], split) for outcome, split in outcomes(amount, due, fees)
    )


def title_of(record: Record, role: Role, click: Click) -> Text:
    """What a click is called; agreeing to a ruling isn't agreeing to a split."""
    if click is Click.AGREE and "vendor_bps" in on_the_table(record, role):
        return _("Sign the ruling")
    return wording.CLICKS[click]


def ask(
    record: Record,
    role: Role,
    click: Click,
    content: Content,
    successor: Record | None = None,
) -> Asked:
    """What to read before this click. ``content`` has passed ``words.check_words``.

    ``successor`` is the open escrow that is to take over the money.
    """
    match click:
        case Click.ACCEPT:
            return _accepting(record, role, content)
        case Click.RELEASE | Click.REFUND:
            return _releasing(record) if click is Click.RELEASE else _refunding(record)
        case Click.SETTLE:
            share = int(content["vendor_share"])
            question = _(
                "Offer %(share)s of %(amount)s XMR to the vendor, the rest to the buyer? "
                "If it is accepted, it is paid."
            ) % _part(record, share)
            return _paying(record, question, _("settled"), _dividing(record, share))
        case Click.AGREE if "vendor_share" in content:
            share = int(content["vendor_share"])
            question = _(
                "Agree that the vendor gets %(share)s of %(amount)s XMR and the buyer the rest? "
                "This can't be taken back."
            ) % _part(record, share)
            return _paying(record, question, _("settled"), _dividing(record, share))
        case Click.AGREE:
            question = _("Sign this ruling together with the arbiter? This can't be taken back.")
            return _ruled(record, question, int(content["vendor_bps"]))
        case Click.RULE:
            question = _(
                "Rule so, and pay it out together with who gets more? "
                "You can replace a ruling until it is paid."
            )
            return _ruled(record, question, int(content["vendor_bps"]))
        case Click.DISPUTE:
            return Asked(
                _("Call the arbiter, with this reason?"),
                (),
                (),
                (
                    _("Your agent seals the reason: the other two can read it."),
                    _("A ruling costs %s of what is ruled on, for the arbiter.")
                    % format_percent(record.agreement.terms.fees.arbiter_bps),
                    _("You can still settle with the other side, and save that."),
                ),
            )
        case Click.STATE | Click.EVIDENCE:
            is_file = click is Click.EVIDENCE
            return _saying(
                _("Show a file to the other two?") if is_file else _("Say this to the other two?")
            )
        case Click.REPLACE:
            return _replacing(record, role, content)
        case Click.MOVE:
            assert successor is not None, "the click isn't open without one"
            return _moving(record, successor)
        case Click.CANCEL | Click.RESUME | Click.PROPOSE:
            # Proposing has a page of its own.
            return _cancelling() if click is Click.CANCEL else _resuming()
        case unknown:
            assert_never(unknown)


def _accepting(record: Record, role: Role, content: Content) -> Asked:
    terms = record.agreement.terms
    paid = {"amount": format_xmr(terms.amount_due)}
    if terms.succeeds is not None:
        pays = _("Nobody pays in: the money is moved here once buyer and vendor have signed that.")
    elif role is Role.BUYER:
        pays = (
            _("You will pay %(amount)s XMR to an address that is shown once all three attested it.")
            % paid
        )
    else:
        pays = _("You pay nothing in.")
    moved = terms.succeeds is not None
    return Asked(
        _("Accept these terms as the %s?") % wording.ROLES[role],
        endings(terms.amount, terms.amount_due, terms.fees),
        (
            (_("amount"), f"{format_xmr(terms.amount)} XMR"),
            (
                _("moved here") if moved else _("buyer pays in"),
                f"{format_xmr(terms.amount_due)} XMR",
            ),
            (_("confirmations"), str(terms.required_confirmations)),
            (_("arbiter's fee of a ruling"), format_percent(terms.fees.arbiter_bps)),
            (
                _("where you are paid"),
                content.get("payout_address", "").strip() or _("as in the escrow before"),
            ),
        ),
        (pays, *_notes(record)),
    )


def _paying(record: Record, question: str, name: str, split: Callable[[int], Split]) -> Asked:
    """``split`` says who gets what of the money that is there."""
    paid, is_confirmed = agreed(record.reports)
    counts = _("%s XMR confirmed") if is_confirmed else _("%s XMR not confirmed yet")
    try:
        rows: tuple[Ending, ...] = (_ending(name, split(paid)),) if paid else ()
    except Refused:
        rows = ()  # as when too little arrived for a release: the click itself is refused
    return Asked(question, rows, ((_("in the wallet"), counts % format_xmr(paid)),), _notes(record))


def _ruled(record: Record, question: str, bps: int) -> Asked:
    terms = record.agreement.terms
    shown = _paying(
        record,
        question,
        _("ruled"),
        lambda paid: ruling(terms.amount, paid, terms.fees, vendor_bps=bps),
    )
    parts = {"vendor": format_percent(bps), "buyer": format_percent(ALL_BPS - bps)}
    share = _("%(vendor)s to the vendor, %(buyer)s to the buyer") % parts
    first = _("The arbiter's fee is taken off first; the rest is divided.")
    return Asked(
        shown.question, shown.endings, (*shown.facts, (_("ruling"), share)), (*shown.notes, first)
    )


def _replacing(record: Record, role: Role, content: Content) -> Asked:
    old = record.agreement.terms
    new = new_terms(record, role, int(content["arbiter_bps"]))
    return Asked(
        _("Propose an escrow with %s as its arbiter, which takes over the money?")
        % content["arbiter"],
        endings(new.amount, new.amount_due, new.fees),
        (
            (_("new arbiter"), content["arbiter"]),
            *_changes(old, new),
            (_("in the wallet"), f"{format_xmr(agreed(record.reports)[0])} XMR"),
        ),
        (
            _("Nothing moves yet: the other side and the new arbiter accept it first."),
            _("Then buyer and vendor both sign that the money is moved."),
            *_of_moves(),
        ),
    )


def _moving(record: Record, new: Record) -> Asked:
    old, terms = record.agreement.terms, new.agreement.terms
    return Asked(
        _(
            "Move all of the money to the new escrow, with its arbiter? It is moved when buyer and "
            "vendor have both signed. This can't be taken back."
        ),
        endings(terms.amount, terms.amount_due, terms.fees),
        (
            (_("in the wallet"), f"{format_xmr(agreed(record.reports)[0])} XMR"),
            (_("moved to escrow"), new.escrow_id),
            (_("its address"), new.address or ""),
            (_("new arbiter"), new.parties[Role.ARBITER].fingerprint),
            *_changes(old, terms),
        ),
        (
            _("Your agent signs only if the address is the one that its own wallet shows."),
            *_of_moves(),
            _("The arbiter so far has no part in it any more, and earns nothing."),
            _("Statements and evidence don't go along: show them to the new arbiter again."),
        ),
    )


def _changes(old: Terms, new: Terms) -> tuple[tuple[str, str], ...]:
    return (
        (_("amount so far"), f"{format_xmr(old.amount)} XMR"),
        (_("amount there"), f"{format_xmr(new.amount)} XMR"),
        (_("arbiter's fee so far"), format_percent(old.fees.arbiter_bps)),
        (_("arbiter's fee there"), format_percent(new.fees.arbiter_bps)),
    )


def _of_moves() -> tuple[str, ...]:
    return (
        _("The network's fee of the move comes out of what is moved."),
        _("What the move leaves over goes back to the buyer with the payout."),
    )


def _cancelling() -> Asked:
    question = _("Call this escrow off, for all three?")
    return Asked(question, (), (), (_("Nobody may pay to its address any more."),))


def _resuming() -> Asked:
    question = _("Go on with this escrow? Do so only if you know why it was frozen.")
    return Asked(question, (), (), ())


def _saying(question: str) -> Asked:
    return Asked(
        question,
        (),
        (),
        (
            _("Your agent seals it to the other two. It can't be taken back."),
            _("Until then it is kept here under a key of this service, and then deleted here."),
        ),
    )


def _releasing(record: Record) -> Asked:
    terms = record.agreement.terms
    question = _("Release the money to the vendor? This can't be taken back.")
    return _paying(
        record, question, _("released"), lambda paid: release(terms.amount, paid, terms.fees)
    )


def _refunding(record: Record) -> Asked:
    question = _("Give all of the money back to the buyer? This can't be taken back.")
    return _paying(record, question, _("refunded"), refund)


def _dividing(record: Record, share: int) -> Callable[[int], Split]:
    terms = record.agreement.terms
    return lambda paid: divide(terms.amount, paid, terms.fees, vendor_share=share)


def _part(record: Record, share: int) -> dict[str, str]:
    return {"share": format_xmr(share), "amount": format_xmr(record.agreement.terms.amount)}


def _notes(record: Record) -> tuple[str, ...]:
    bearer = str(_BEARERS[record.agreement.terms.fees.bearer])
    alarms = _("A deadline only raises an alarm: no money ever moves because time has passed.")
    return bearer, alarms


def _ending(name: Text, split: Split) -> Ending:
    return Ending(name, *(format_xmr(part) for part in split.parts))
