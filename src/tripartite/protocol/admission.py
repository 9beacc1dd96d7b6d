"""The one judge of messages.

The coordinator asks ``admit`` before it stores anything, and each agent asks it again for
everything that the coordinator forwards. It decides from the record alone and changes nothing.

Order of the checks: form, escrow, signature, said before, place in the speaker's chain, contract,
who may say it and when, attempt and round, body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import FIRST_STATE, Event, Step, Teller, advance
from tripartite.protocol.bodies import read_proposal
from tripartite.protocol.envelope import Kind, Message, read_claim
from tripartite.protocol.record import Head, Record
from tripartite.protocol.rules import apply


class NotAProposal(Refused):
    """An escrow starts with a proposal."""

    code: ClassVar[str] = "not_a_proposal"


class WrongEscrow(Refused):
    """This message belongs to another escrow."""

    code: ClassVar[str] = "wrong_escrow"


class MessageReplayed(Refused):
    """This message's number was used before."""

    code: ClassVar[str] = "message_replayed"


class ChainBroken(Tampered):
    """An earlier message of this party is missing or was swapped."""

    code: ClassVar[str] = "chain_broken"


class MessageSubstituted(Tampered):
    """This party already said something else in this place."""

    code: ClassVar[str] = "message_substituted"


@dataclass(frozen=True, slots=True)
class Admission:
    """A message that belongs on record, and what it changes.

    ``duplicate`` says that this very message is on record already: nothing is to be stored.
    """

    record: Record
    message: Message
    steps: tuple[Step, ...] = ()
    duplicate: bool = False


def open_record(text: str) -> Admission:
    """Start a record from a proposal.

    Raises:
        Refused: the envelope, the terms or the proposer aren't sound (the leaf says why).
        Tampered: it isn't signed by the identity that the terms name as proposer.
    """
    claim = read_claim(text)
    claimed = claim.message
    first = claimed.prev is None and claimed.contract_id is None
    if claimed.kind is not Kind.PROPOSE or not first or (claimed.attempt, claimed.round) != (0, 0):
        raise NotAProposal("An escrow starts with a proposal, the first message of its proposer.")
    agreement, details = read_proposal(claimed)
    message = claim.prove(agreement.parties[claimed.role])
    record = Record(
        agreement=agreement,
        proposal=message.digest,
        state=FIRST_STATE,
        heads={message.role: Head(message.seq, message.digest)},
        details={message.role: details},
    )
    return Admission(record=record, message=message)


def admit(record: Record, text: str) -> Admission:
    """Judge the next message.

    A caller that keeps all messages looks for the same text there first: an old message said again
    is a duplicate, which this function can tell only of the latest ones.

    Raises:
        Refused: it doesn't belong here (the leaf says why); the escrow goes on without it.
        Tampered: it contradicts what was signed before.
    """
    claim = read_claim(text)
    claimed = claim.message
    if claimed.escrow_id != record.escrow_id:
        raise WrongEscrow(f"This message is for escrow {claimed.escrow_id}; send it there.")
    message = claim.prove(record.parties[claimed.role])
    head = record.heads.get(message.role)
    there = _said_there(record, message)
    if message.digest in (there, head and head.digest):
        return Admission(record=record, message=message, duplicate=True)
    if there is not None:
        raise MessageSubstituted(
            f"The {message.role.value} already said something else as {message.kind.value} "
            f"{message.attempt}/{message.round}. Stop, and ask the {message.role.value} in person.",
            kind=message.kind.value,
            role=message.role.value,
        )
    _check_chain(head, message)
    after, steps = apply(record, message)
    heads = {**record.heads, message.role: Head(message.seq, message.digest)}
    return Admission(record=replace(after, heads=heads), message=message, steps=steps)


def observe(record: Record, event: Event, *, by: Teller) -> tuple[Record, Step]:
    """A fact that the reader of the record found out itself, by its own node or its clock.

    Raises:
        MoveNotOpen, NotYourMove: the lifecycle has no such step.
    """
    step = advance(record.state, event, by=by)
    return replace(record, state=step.after), step


def _said_there(record: Record, message: Message) -> str | None:
    """The hash of what this role already said in this place of the present attempt."""
    match message.kind:
        case Kind.KEY_EXCHANGE | Kind.ATTEST:
            if message.attempt == record.attempt and message.round in tuple(Round):
                return record.exchange.get((Round(message.round), message.role))
        case Kind.PAYOUT_INFO | Kind.PAYOUT_TXSET | Kind.PAYOUT_BROADCAST:
            if record.payout is not None and message.attempt == record.payout.attempt:
                return record.payout.said.get((message.round, message.role))
        case _:
            pass
    return None


def _check_chain(head: Head | None, message: Message) -> None:
    if message.seq <= (head.seq if head else 0):
        raise MessageReplayed(
            f"The {message.role.value} has used message number {message.seq} before.",
            seq=message.seq,
        )
    if message.prev != (head.digest if head else None):
        raise ChainBroken(
            f"Message {message.seq} of the {message.role.value} doesn't follow the last one on "
            f"record: one is missing, or was swapped.",
            seq=message.seq,
        )
