"""Rules of consent: release, refund, settlement, dispute, ruling.

Each starts a payout, or an argument about one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import RULINGS, Event, MoveNotOpen, Teller, advance, is_open
from tripartite.domain.parties import Role
from tripartite.domain.settlement import ALL_BPS
from tripartite.protocol import bodies
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Offer, Payout, Record, Successor
from tripartite.protocol.rules.turns import Applied, require_money, require_open, step


class OfferGone(Refused):
    """This split isn't on offer."""

    code: ClassVar[str] = "offer_gone"


class PayoutAlreadyBroadcast(Refused):
    """The payout is on its way already."""

    code: ClassVar[str] = "payout_already_broadcast"


def release(record: Record, message: Message) -> Applied:
    """The buyer gives the money to the vendor."""
    return _consent(record, message, Event.RELEASE_SIGNED, builder=Role.BUYER, payee=Role.VENDOR)


def refund(record: Record, message: Message) -> Applied:
    """The vendor gives the money back to the buyer."""
    return _consent(record, message, Event.REFUND_SIGNED, builder=Role.VENDOR, payee=Role.BUYER)


def _consent(
    record: Record, message: Message, event: Event, *, builder: Role, payee: Role
) -> Applied:
    bodies.read_nothing(message)
    advance(record.state, event, by=Teller(message.role.value))
    require_money(record)
    return _pay(record, event, by=message.role, builder=builder, cosigner=payee)


def settlement_offer(record: Record, message: Message) -> Applied:
    """A trader offers a split or a move; it stands until replaced or until a payout starts."""
    offer = bodies.read_offer(message, terms=record.agreement.terms)
    require_money(record)
    _require_nothing_sent(record, offer)
    after = replace(record, offers={**record.offers, message.role: offer})
    return step(after, Event.SETTLEMENT_PROPOSED, by=Teller(message.role.value))


def settlement_accept(record: Record, message: Message) -> Applied:
    """The other trader agrees: both have signed the same split or move now."""
    accepted = bodies.read_offer_accept(message)
    advance(record.state, Event.SETTLEMENT_AGREED, by=Teller(message.role.value))
    for offerer, offer in record.offers.items():
        if offer.digest == accepted and offerer is not message.role:
            _require_nothing_sent(record, offer)
            return _pay(
                record,
                Event.SETTLEMENT_AGREED,
                by=message.role,
                builder=offerer,
                cosigner=message.role,
                vendor_share=offer.vendor_share,
                successor=offer.successor,
            )
    raise OfferGone("Accept an offer that stands: it was replaced, or is your own.")


def _require_nothing_sent(record: Record, offer: Offer) -> None:
    """Whatever is mined is the outcome: what may still be mined must not be called a move."""
    if offer.successor is not None and record.broadcasts:
        raise PayoutAlreadyBroadcast("A payout was sent before: finish that one.")


def dispute(record: Record, message: Message) -> Applied:
    """A trader calls the arbiter, and seals the reason to the two others."""
    bodies.read_sealed(message)
    require_money(record)
    if record.payout is not None and record.payout.event in RULINGS:
        # Else whoever lost could stop every ruling for ever, by disputing it again.
        raise MoveNotOpen("The arbiter has ruled: state what is wrong; only a ruling replaces it.")
    after = replace(record, disputed_by=message.role)
    return step(after, Event.DISPUTE_OPENED, by=Teller(message.role.value))


def argue(record: Record, message: Message) -> Applied:
    """Statements and evidence: as long as the arbiter can rule."""
    bodies.read_sealed(message)
    if record.disputed_by is None:
        raise MoveNotOpen("There is no dispute to argue in; open one first.")
    require_open(record, Event.RULED_SPLIT, by=Teller.ARBITER)
    return record, ()


def ruling(record: Record, message: Message) -> Applied:
    """The arbiter decides, or replaces a ruling that is not paid out yet."""
    bps, cosigner = bodies.read_ruling(message)
    event = {0: Event.RULED_FOR_BUYER, ALL_BPS: Event.RULED_FOR_VENDOR}.get(bps, Event.RULED_SPLIT)
    advance(record.state, event, by=Teller(message.role.value))
    payout = record.payout
    if is_open(record.state, Event.PAYOUT_BROADCAST, by=Teller.ARBITER):
        if payout is None or payout.event not in RULINGS:
            raise MoveNotOpen("The parties agreed themselves; there is no dispute to rule on.")
        if payout.txid is not None:
            raise PayoutAlreadyBroadcast("The ruling is being paid out; it can't be replaced.")
    return _pay(
        record, event, by=message.role, builder=message.role, cosigner=cosigner, vendor_bps=bps
    )


def _pay(
    record: Record,
    event: Event,
    *,
    by: Role,
    builder: Role,
    cosigner: Role,
    vendor_share: int | None = None,
    vendor_bps: int | None = None,
    successor: Successor | None = None,
) -> Applied:
    """A new payout, on the word of ``by``. Attempts count on, so no message fits two payouts."""
    payout = Payout(
        event=event,
        builder=builder,
        cosigner=cosigner,
        attempt=1 if record.payout is None else record.payout.attempt + 1,
        vendor_share=vendor_share,
        vendor_bps=vendor_bps,
        successor=successor,
    )
    after = replace(record, payout=payout, offers={})
    return step(after, event, by=Teller(by.value))
