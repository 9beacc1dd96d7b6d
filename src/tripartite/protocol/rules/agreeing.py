"""Rules of the terms: propose, accept, sign, call off."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event, Teller
from tripartite.domain.parties import Role
from tripartite.protocol import bodies
from tripartite.protocol.agreement import contract_id
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Record
from tripartite.protocol.rules.turns import (
    AlreadySaid,
    Applied,
    OutOfRound,
    has_money,
    is_bound,
    require_open,
    step,
)


class MoneyPresent(Refused):
    """Money has arrived; an escrow can be called off only before that."""

    code: ClassVar[str] = "money_present"


class SuccessorBinds(Refused):
    """Money may be on its way to this escrow from the one it succeeds."""

    code: ClassVar[str] = "successor_binds"


def propose(_record: Record, _message: Message) -> Applied:
    """An escrow has one proposal, and it opened the record."""
    raise AlreadySaid("This escrow has a proposal already; cancel it and start a new one.")


def accept(record: Record, message: Message) -> Applied:
    """A party gives its sealed part. With the third one the contract id is known."""
    require_open(record, Event.TERMS_SIGNED, by=Teller.ALL_THREE)
    hashed = bodies.read_accept(message, proposal=record.proposal)
    if message.role in record.details:
        raise AlreadySaid("This party has given its part of the terms already.")
    details = {**record.details, message.role: hashed}
    complete = contract_id(record.agreement, details) if set(details) == set(Role) else None
    return replace(record, details=details, contract_id=complete), ()


def sign_terms(record: Record, message: Message) -> Applied:
    """A party signs the contract id. The third signature makes the terms binding."""
    require_open(record, Event.TERMS_SIGNED, by=Teller.ALL_THREE)
    bodies.read_nothing(message)
    if record.contract_id is None:
        raise OutOfRound("Terms are signed once all three have given their part.")
    if message.role in record.signed:
        raise AlreadySaid("This party has signed the terms already.")
    after = replace(record, signed=record.signed | {message.role})
    if len(after.signed) < len(Role):
        return after, ()
    return step(after, Event.TERMS_SIGNED, by=Teller.ALL_THREE)


def cancel(record: Record, message: Message) -> Applied:
    """Any party calls the escrow off before money; a successor that is ready, its vendor alone.

    Money that reaches an escrow that was called off goes back to the buyer. So somebody else could
    call it off while the move is on its way, and rob the vendor.
    """
    bodies.read_reason(message)
    if is_bound(record) and message.role is not Role.VENDOR:
        raise SuccessorBinds("Only its vendor can call it off now, as only the vendor would lose.")
    if has_money(record):
        raise MoneyPresent("Money has arrived: refund or settle instead of cancelling.")
    return step(record, Event.CANCELLED, by=Teller(message.role.value))
