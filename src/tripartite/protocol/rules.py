"""What each kind of message does to the record, and what it must keep to.

One function per kind. Whether the moment is right is always looked up in the lifecycle: a message
either makes a step, or works toward one that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import is_funded
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.key_exchange import MAX_ATTEMPTS, SECRET_ROUNDS, Round, next_round
from tripartite.domain.lifecycle import Event, MoveNotOpen, Step, Teller, advance, is_open
from tripartite.domain.parties import Role
from tripartite.protocol import bodies
from tripartite.protocol.agreement import contract_id
from tripartite.protocol.envelope import Kind, Message
from tripartite.protocol.record import (
    PAYOUT_BROADCAST_ROUND,
    PAYOUT_INFO_ROUND,
    PAYOUT_TXSET_ROUND,
    Payout,
    Record,
    transcript,
)

MAX_PAYOUT_ATTEMPTS: Final = 100
"""After so many a person has to look; each costs its signers a round of exports."""

Applied = tuple[Record, tuple[Step, ...]]


class WrongContract(Refused):
    """This message is about other terms than those on record."""

    code: ClassVar[str] = "wrong_contract"


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


class MoneyPresent(Refused):
    """Money has arrived; an escrow can be called off only before that."""

    code: ClassVar[str] = "money_present"


class PayoutAlreadyBroadcast(Refused):
    """The payout is on its way already."""

    code: ClassVar[str] = "payout_already_broadcast"


class TranscriptMismatch(Tampered):
    """An agent received other key exchange messages than those on record."""

    code: ClassVar[str] = "transcript_mismatch"


class AddressMismatch(Tampered):
    """Two agents see different deposit addresses."""

    code: ClassVar[str] = "address_mismatch"


def apply(record: Record, message: Message) -> Applied:
    """The record after ``message`` (whose signature and chain are checked), and the steps made.

    Raises:
        Refused: not now, not by this party, or not in this form (the leaf says why).
        Tampered: it contradicts what the others attested.
    """
    before_contract = message.kind in (Kind.PROPOSE, Kind.ACCEPT)
    if message.contract_id != (None if before_contract else record.contract_id):
        raise WrongContract("The message must name the contract on record, or none before it is.")
    rounds = _ROUNDS.get(message.kind)
    if rounds is None and (message.attempt, message.round) != (0, 0):
        raise OutOfRound(f"A {message.kind.value} message has no attempt and no round.")
    if rounds is not None and message.round not in rounds:
        raise OutOfRound(f"A {message.kind.value} message can't be of round {message.round}.")
    return _RULES[message.kind](record, message)


def _propose(_record: Record, _message: Message) -> Applied:
    raise AlreadySaid("This escrow has a proposal already; cancel it and start a new one.")


def _accept(record: Record, message: Message) -> Applied:
    _require_open(record, Event.TERMS_SIGNED, by=Teller.ALL_THREE)
    hashed = bodies.read_accept(message, proposal=record.proposal)
    if message.role in record.details:
        raise AlreadySaid("This party has given its part of the terms already.")
    details = {**record.details, message.role: hashed}
    complete = contract_id(record.agreement, details) if set(details) == set(Role) else None
    return replace(record, details=details, contract_id=complete), ()


def _sign_terms(record: Record, message: Message) -> Applied:
    _require_open(record, Event.TERMS_SIGNED, by=Teller.ALL_THREE)
    bodies.read_nothing(message)
    if record.contract_id is None:
        raise OutOfRound("Terms are signed once all three have given their part.")
    if message.role in record.signed:
        raise AlreadySaid("This party has signed the terms already.")
    after = replace(record, signed=record.signed | {message.role})
    if len(after.signed) < len(Role):
        return after, ()
    return _step(after, Event.TERMS_SIGNED, by=Teller.ALL_THREE)


def _cancel(record: Record, message: Message) -> Applied:
    bodies.read_reason(message)
    if any(r.confirmed or r.pending or r.locked for r in record.reports.values()):
        raise MoneyPresent("Money has arrived: refund or settle instead of cancelling.")
    return _step(record, Event.CANCELLED, by=Teller(message.role.value))


def _key_exchange(record: Record, message: Message) -> Applied:
    bodies.read_sealed(message)
    record, steps = _start_keying(record, message)
    after = _take_turn(record, message)
    return after, steps


def _attest(record: Record, message: Message) -> Applied:
    attestation = bodies.read_attestation(message)
    _require_open(record, Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE)
    after = _take_turn(record, message)
    parse_address(attestation.address, record.agreement.terms.network)
    if attestation.transcript != transcript(record):
        raise TranscriptMismatch(
            f"The {message.role.value}'s agent received other key exchange messages than those on "
            f"record. Nobody may pay to this address."
        )
    if any(other.address != attestation.address for other in record.attested.values()):
        raise AddressMismatch("The agents see different deposit addresses. Nobody may pay.")
    attested = {**record.attested, message.role: attestation}
    after = replace(after, attested=attested)
    if set(attested) != set(Role):
        return after, ()
    return _step(
        replace(after, address=attestation.address), Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE
    )


def _key_exchange_restart(record: Record, message: Message) -> Applied:
    bodies.read_reason(message)
    _require_attempt(message, record.attempt)
    if record.attempt >= MAX_ATTEMPTS:
        raise TooManyAttempts(f"{MAX_ATTEMPTS} key exchanges failed; a person has to look.")
    fresh = replace(record, attempt=record.attempt + 1, exchange={}, attested={})
    return _step(fresh, Event.KEY_EXCHANGE_RESTARTED, by=Teller(message.role.value))


def _deposit_report(record: Record, message: Message) -> Applied:
    report = bodies.read_report(message.body)
    events = (Event.DEPOSIT_CONFIRMED, Event.DEPOSIT_VANISHED)
    possible = [event for event in events if is_open(record.state, event, by=Teller.WALLETS)]
    if not possible:
        raise MoveNotOpen(f"Nobody waits for a deposit while the escrow is {record.state.value}.")
    after = replace(record, reports={**record.reports, message.role: report})
    funded = is_funded(after.reports, record.agreement.terms.amount_due)
    told = Event.DEPOSIT_CONFIRMED if funded else Event.DEPOSIT_VANISHED
    if told not in possible:
        return after, ()
    return _step(after, told, by=Teller.WALLETS)


def _release(record: Record, message: Message) -> Applied:
    return _consent(record, message, Event.RELEASE_SIGNED, builder=Role.BUYER, payee=Role.VENDOR)


def _refund(record: Record, message: Message) -> Applied:
    return _consent(record, message, Event.REFUND_SIGNED, builder=Role.VENDOR, payee=Role.BUYER)


def _consent(
    record: Record, message: Message, event: Event, *, builder: Role, payee: Role
) -> Applied:
    bodies.read_nothing(message)
    attempt = 1 if record.payout is None else record.payout.attempt + 1
    payout = Payout(event=event, builder=builder, cosigner=payee, attempt=attempt)
    return _step(replace(record, payout=payout), event, by=Teller(message.role.value))


def _payout_info(record: Record, message: Message) -> Applied:
    bodies.read_sealed(message)
    payout = _payout(record, message)
    return _say_in_payout(record, payout, message), ()


def _payout_txset(record: Record, message: Message) -> Applied:
    bodies.read_sealed(message)
    payout = _payout(record, message)
    if message.role is not payout.builder:
        raise WrongRole(f"This payout is built by the {payout.builder.value}.")
    if any((PAYOUT_INFO_ROUND, signer) not in payout.said for signer in payout.signers):
        raise OutOfRound("A payout is built once both signers have exported.")
    return _say_in_payout(record, payout, message), ()


def _payout_broadcast(record: Record, message: Message) -> Applied:
    broadcast = bodies.read_broadcast(message)
    payout = _payout(record, message)
    if message.role is not payout.cosigner:
        raise WrongRole(f"This payout is submitted by the {payout.cosigner.value}.")
    if (PAYOUT_TXSET_ROUND, payout.builder) not in payout.said:
        raise OutOfRound("A payout is submitted once it has been built.")
    after = _say_in_payout(record, replace(payout, txid=broadcast.txid), message)
    return _step(after, Event.PAYOUT_BROADCAST, by=Teller(message.role.value))


def _payout_restart(record: Record, message: Message) -> Applied:
    bodies.read_reason(message)
    payout = _payout(record, message)
    if payout.txid is not None:
        raise PayoutAlreadyBroadcast("The payout was submitted; it is watched and sent again.")
    if payout.attempt >= MAX_PAYOUT_ATTEMPTS:
        raise TooManyAttempts(f"{MAX_PAYOUT_ATTEMPTS} payouts failed; a person has to look.")
    fresh = replace(payout, attempt=payout.attempt + 1, said={})
    return replace(record, payout=fresh), ()


_Rule = Callable[[Record, Message], Applied]

_RULES: Final[Mapping[Kind, _Rule]] = {
    Kind.PROPOSE: _propose,
    Kind.ACCEPT: _accept,
    Kind.SIGN_TERMS: _sign_terms,
    Kind.CANCEL: _cancel,
    Kind.KEY_EXCHANGE: _key_exchange,
    Kind.ATTEST: _attest,
    Kind.KEY_EXCHANGE_RESTART: _key_exchange_restart,
    Kind.DEPOSIT_REPORT: _deposit_report,
    Kind.RELEASE: _release,
    Kind.REFUND: _refund,
    Kind.PAYOUT_INFO: _payout_info,
    Kind.PAYOUT_TXSET: _payout_txset,
    Kind.PAYOUT_BROADCAST: _payout_broadcast,
    Kind.PAYOUT_RESTART: _payout_restart,
}

_ROUNDS: Final[Mapping[Kind, tuple[int, ...]]] = {
    Kind.KEY_EXCHANGE: SECRET_ROUNDS,
    Kind.ATTEST: (Round.ATTEST,),
    Kind.KEY_EXCHANGE_RESTART: (0,),
    Kind.PAYOUT_INFO: (PAYOUT_INFO_ROUND,),
    Kind.PAYOUT_TXSET: (PAYOUT_TXSET_ROUND,),
    Kind.PAYOUT_BROADCAST: (PAYOUT_BROADCAST_ROUND,),
    Kind.PAYOUT_RESTART: (0,),
}
"""The rounds a kind may name; kinds not listed have neither attempt nor round."""


def _step(record: Record, event: Event, *, by: Teller) -> Applied:
    step = advance(record.state, event, by=by)
    return replace(record, state=step.after), (step,)


def _require_open(record: Record, event: Event, *, by: Teller) -> None:
    """Refuse, as ``advance`` would, what works toward a step that isn't open."""
    advance(record.state, event, by=by)


def _require_attempt(message: Message, attempt: int) -> None:
    if message.attempt != attempt:
        raise OutOfRound(
            f"This is of attempt {message.attempt}; the present one is {attempt}.", attempt=attempt
        )


def _start_keying(record: Record, message: Message) -> Applied:
    """The first key exchange message starts the exchange; later ones find it started."""
    if is_open(record.state, Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE):
        return record, ()
    return _step(record, Event.KEY_EXCHANGE_STARTED, by=Teller(message.role.value))


def _take_turn(record: Record, message: Message) -> Record:
    _require_attempt(message, record.attempt)
    due = next_round(message.role, record.exchange.keys())
    if message.round != due:
        raise OutOfRound(
            f"The {message.role.value} isn't due in round {message.round} of the key exchange.",
            attempt=record.attempt,
        )
    return replace(record, exchange={**record.exchange, (due, message.role): message.digest})


def _payout(record: Record, message: Message) -> Payout:
    """The payout being made, if this message can belong to it."""
    payout = record.payout
    if payout is None:
        raise MoveNotOpen(f"No payout is being made while the escrow is {record.state.value}.")
    if message.role not in payout.signers:
        signers = " and ".join(signer.value for signer in payout.signers)
        raise WrongRole(f"This payout is signed by {signers}.")
    _require_open(record, Event.PAYOUT_BROADCAST, by=Teller(message.role.value))
    _require_attempt(message, payout.attempt)
    return payout


def _say_in_payout(record: Record, payout: Payout, message: Message) -> Record:
    said = {**payout.said, (message.round, message.role): message.digest}
    return replace(record, payout=replace(payout, said=said))
