"""What all rules share: making a step, and being in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event, Step, Teller, advance
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Record

Applied = tuple[Record, tuple[Step, ...]]
"""What a rule returns: the record after the message, and the steps made."""


class WrongRole(Refused):
    """This isn't for this role to say."""

    code: ClassVar[str] = "wrong_role"


class OutOfRound(Refused):
    """This message belongs to another attempt or round."""

    code: ClassVar[str] = "out_of_round"


class AlreadySaid(Refused):
    """This party has said so already."""

    code: ClassVar[str] = "already_said"


class TooManyAttempts(Refused):
    """So many attempts failed that a person has to look."""

    code: ClassVar[str] = "too_many_attempts"


class NoMoneyPresent(Refused):
    """No wallet has reported any money yet; there is nothing to divide."""

    code: ClassVar[str] = "no_money_present"


def step(record: Record, event: Event, *, by: Teller) -> Applied:
    """Make a step of the lifecycle."""
    step = advance(record.state, event, by=by)
    return replace(record, state=step.after), (step,)


def require_open(record: Record, event: Event, *, by: Teller) -> None:
    """Refuse, as ``advance`` would, what works toward a step that isn't open."""
    advance(record.state, event, by=by)


def require_attempt(message: Message, attempt: int) -> None:
    """Refuse a message of another attempt."""
    if message.attempt != attempt:
        raise OutOfRound(
            f"This is of attempt {message.attempt}; the present one is {attempt}.", attempt=attempt
        )


def has_money(record: Record) -> bool:
    """Whether any wallet has reported money, spendable or not."""
    return any(r.confirmed or r.pending or r.locked for r in record.reports.values())


def is_bound(record: Record) -> bool:
    """Whether money of the escrow that this one succeeds may be on its way here."""
    return record.agreement.terms.succeeds is not None and record.address is not None


def require_money(record: Record) -> None:
    """Refuse to divide what nobody has seen."""
    if not has_money(record):
        raise NoMoneyPresent("Nobody's wallet has seen a deposit, so there is nothing to pay out.")
