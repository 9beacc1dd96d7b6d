"""Rules of the key exchange and its attestation."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Tampered
from tripartite.domain.key_exchange import MAX_ATTEMPTS, next_round
from tripartite.domain.lifecycle import Event, Teller, is_open
from tripartite.domain.parties import Role
from tripartite.protocol import bodies
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Record, transcript
from tripartite.protocol.rules.turns import (
    Applied,
    OutOfRound,
    TooManyAttempts,
    require_attempt,
    require_open,
    step,
)


class TranscriptMismatch(Tampered):
    """An agent received other key exchange messages than those on record."""

    code: ClassVar[str] = "transcript_mismatch"


class AddressMismatch(Tampered):
    """Two agents see different deposit addresses."""

    code: ClassVar[str] = "address_mismatch"


def key_exchange(record: Record, message: Message) -> Applied:
    """One of the three sealed rounds."""
    bodies.read_sealed(message)
    record, steps = _start_keying(record, message)
    after = _take_turn(record, message)
    return after, steps


def attest(record: Record, message: Message) -> Applied:
    """An agent says which address and which messages it saw; all three must agree."""
    attestation = bodies.read_attestation(message)
    require_open(record, Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE)
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
    return step(
        replace(after, address=attestation.address), Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE
    )


def key_exchange_restart(record: Record, message: Message) -> Applied:
    """An attempt is thrown away, before any address was shown."""
    bodies.read_reason(message)
    require_attempt(message, record.attempt)
    if record.attempt >= MAX_ATTEMPTS:
        raise TooManyAttempts(f"{MAX_ATTEMPTS} key exchanges failed; a person has to look.")
    fresh = replace(record, attempt=record.attempt + 1, exchange={}, attested={})
    return step(fresh, Event.KEY_EXCHANGE_RESTARTED, by=Teller(message.role.value))


def _start_keying(record: Record, message: Message) -> Applied:
    """The first key exchange message starts the exchange; later ones find it started."""
    if is_open(record.state, Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE):
        return record, ()
    return step(record, Event.KEY_EXCHANGE_STARTED, by=Teller(message.role.value))


def _take_turn(record: Record, message: Message) -> Record:
    require_attempt(message, record.attempt)
    due = next_round(message.role, record.exchange.keys())
    if message.round != due:
        raise OutOfRound(
            f"The {message.role.value} isn't due in round {message.round} of the key exchange.",
            attempt=record.attempt,
        )
    return replace(record, exchange={**record.exchange, (due, message.role): message.digest})
