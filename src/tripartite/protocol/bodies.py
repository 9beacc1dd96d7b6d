"""What stands in the body of each kind of message.

    propose               terms (open part), details {hash, sealed}
    accept                proposal (hash of that envelope), details {hash, sealed}
    sign_terms            –           the signature covers contract_id
    cancel                reason
    key_exchange          sealed {multisig_info}
    attest                address, transcript
    key_exchange_restart  reason
    deposit_report        confirmed, pending, locked (piconero as text), height
    release, refund       –           the terms say who gets how much
    settlement_offer      vendor_share (piconero as text), or successor that gets everything
    settlement_accept     offer (hash of that envelope)
    dispute, statement    sealed {text}
    evidence              sealed {name, type, sha256, part, parts, data}
    ruling                vendor_bps, cosigner (who carries it out with the arbiter)
    payout_info           sealed {multisig_info}
    payout_txset          sealed {txset}, key_images (of the outputs that it spends)
    payout_broadcast      txid, tx (the signed transaction, which is public now)
    payout_restart        reason
    payout_seen           txid, outcome (of a payout made outside this record)

Reasons are short codes for programs, not prose: prose is sealed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import Report
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event
from tripartite.domain.money import parse_piconero
from tripartite.domain.parties import Role
from tripartite.domain.settlement import ALL_BPS, ShareOutOfRange
from tripartite.domain.terms import Terms, is_escrow_id
from tripartite.protocol.agreement import Agreement, BodyMalformed, details_hash
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message, is_digest
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import Attestation, Offer, Successor
from tripartite.protocol.sealing import unseal

_REASON: Final = re.compile(r"[a-z][a-z_]{0,63}")
_OUTCOMES: Final = {
    "release": Event.RELEASE_CONFIRMED,
    "refund": Event.REFUND_CONFIRMED,
    "settlement": Event.SETTLEMENT_CONFIRMED,
}
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")


class WrongProposal(Refused):
    """This accepts another proposal than the one on record."""

    code: ClassVar[str] = "wrong_proposal"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A payout that was handed to the network: its id and the whole signed transaction, in hex."""

    txid: str
    tx: str


def read_proposal(message: Message) -> tuple[Agreement, str]:
    """The open terms and the hash of the proposer's details."""
    match message.body:
        case {"terms": terms, "details": details, **rest} if not rest:
            agreement = Agreement.from_json(terms)
        case _:
            raise _malformed(message)
    if agreement.terms.escrow_id != message.escrow_id:
        raise BodyMalformed("The terms name another escrow than the envelope.")
    if agreement.terms.proposer is not message.role:
        raise BodyMalformed("The terms name another proposer than the envelope.")
    return agreement, details_hash(details)


def read_accept(message: Message, *, proposal: str) -> str:
    """The hash of the accepting party's details."""
    match message.body:
        case {"proposal": str(accepted), "details": details, **rest} if not rest:
            if accepted != proposal:
                raise WrongProposal("Accept the proposal that is on record for this escrow.")
            return details_hash(details)
        case _:
            raise _malformed(message)


def read_nothing(message: Message) -> None:
    """Kinds that say all in their header."""
    if message.body:
        raise _malformed(message)


def read_reason(message: Message) -> str:
    """A short code."""
    match message.body:
        case {"reason": str(reason), **rest} if not rest and _REASON.fullmatch(reason):
            return reason
        case _:
            raise _malformed(message)


def read_sealed(message: Message) -> Mapping[str, Json]:
    """The JWE, still closed."""
    beside = {"key_images"} if message.kind is Kind.PAYOUT_TXSET else set()
    match message.body:
        case {"sealed": Mapping() as sealed, **rest} if rest.keys() == beside:
            return sealed
        case _:
            raise _malformed(message)


def open_sealed(message: Message, field: str, *, reader: Identity) -> str:
    """The one text ``field`` sealed in a key exchange or payout message.

    Raises:
        BodyMalformed: sealed content of another form.
        NotSealedForMe, SealBroken: it can't be opened.
    """
    content = unseal(read_sealed(message), reader=reader, place=message.place)
    value = content.get(field)
    if len(content) != 1 or not isinstance(value, str):
        raise BodyMalformed(f"A {message.kind.value} seals exactly one text, {field}.")
    return value


def read_attestation(message: Message) -> Attestation:
    """The address and transcript hash that an agent saw."""
    match message.body:
        case {"address": str(address), "transcript": str(seen), **rest} if not rest and is_digest(
            seen
        ):
            return Attestation(address=address, transcript=seen)
        case _:
            raise _malformed(message)


def write_report(report: Report) -> dict[str, Json]:
    """A deposit report as a body."""
    return {
        "confirmed": str(report.confirmed),
        "pending": str(report.pending),
        "locked": str(report.locked),
        "height": report.height,
    }


def read_report(value: Mapping[str, Json]) -> Report:
    """A deposit report from a body or a snapshot."""
    match value:
        case {
            "confirmed": str(confirmed),
            "pending": str(pending),
            "locked": str(locked),
            "height": int(height),
            **rest,
        } if not rest and not isinstance(height, bool):
            return Report(
                confirmed=parse_piconero(confirmed, zero_allowed=True),
                pending=parse_piconero(pending, zero_allowed=True),
                locked=parse_piconero(locked, zero_allowed=True),
                height=height,
            )
        case _:
            raise BodyMalformed("A deposit report has confirmed, pending, locked and height.")


def read_key_images(message: Message) -> tuple[str, ...]:
    """The key images of the outputs that a payout spends, rising: one list has one spelling."""
    match message.body:
        case {"key_images": [*images]}:
            pass
        case _:
            raise _malformed(message)
    read = tuple(one for one in images if isinstance(one, str) and is_digest(one))
    if not read or len(read) != len(images) or list(read) != sorted(set(read)):
        raise _malformed(message)
    return read


def write_txset(sealed: Mapping[str, Json], key_images: Iterable[str]) -> dict[str, Json]:
    """A ``payout_txset``: the sealed set, and which outputs it spends."""
    return {**sealed, "key_images": sorted(set(key_images))}


def read_broadcast(message: Message) -> Broadcast:
    """The transaction that was handed to the network."""
    match message.body:
        case {"txid": str(txid), "tx": str(tx), **rest} if (
            not rest and is_digest(txid) and _HEX.fullmatch(tx)
        ):
            return Broadcast(txid=txid, tx=tx)
        case _:
            raise _malformed(message)


def read_offer(message: Message, *, terms: Terms) -> Offer:
    """A split of the agreed amount, or a move of everything to another escrow."""
    match message.body:
        case {"vendor_share": str(share), **rest} if not rest:
            vendor_share = parse_piconero(share, zero_allowed=True)
        case {"successor": successor, **rest} if not rest:
            return Offer(message.digest, None, _read_successor(message, successor, terms))
        case _:
            raise _malformed(message)
    if vendor_share > terms.amount:
        raise ShareOutOfRange(
            "A split shares out the agreed amount, no more.", amount=str(terms.amount)
        )
    return Offer(message.digest, vendor_share)


def write_move(successor: Successor) -> dict[str, Json]:
    """A ``settlement_offer`` that moves everything."""
    return {
        "successor": {
            "escrow_id": successor.escrow_id,
            "contract_id": successor.contract_id,
            "address": successor.address,
        }
    }


def _read_successor(message: Message, value: Json, terms: Terms) -> Successor:
    match value:
        case {
            "escrow_id": str(escrow_id),
            "contract_id": str(contract_id),
            "address": str(address),
            **rest,
        } if not rest and is_escrow_id(escrow_id) and is_digest(contract_id):
            pass
        case _:
            raise _malformed(message)
    if escrow_id == message.escrow_id:
        raise _malformed(message)
    parse_address(address, terms.network)
    return Successor(escrow_id, contract_id, address)


def read_offer_accept(message: Message) -> str:
    """The hash of the offer that is accepted."""
    match message.body:
        case {"offer": str(offer), **rest} if not rest and is_digest(offer):
            return offer
        case _:
            raise _malformed(message)


def read_ruling(message: Message) -> tuple[int, Role]:
    """The vendor's share in basis points, and who carries it out with the arbiter."""
    match message.body:
        case {"vendor_bps": int(bps), "cosigner": "buyer" | "vendor" as cosigner, **rest} if (
            not rest and not isinstance(bps, bool)
        ):
            pass
        case _:
            raise _malformed(message)
    if not 0 <= bps <= ALL_BPS:
        raise ShareOutOfRange("A ruling gives the vendor between 0 and 10000 basis points.")
    if bps == (ALL_BPS if cosigner == "buyer" else 0):
        raise ShareOutOfRange("A ruling is carried out with somebody who gets a share.")
    return bps, Role(cosigner)


def read_seen(message: Message) -> tuple[str, Event]:
    """A payout that this party's wallet sees on the chain, and the event it amounts to."""
    match message.body:
        case {"txid": str(txid), "outcome": str(outcome), **rest} if (
            not rest and is_digest(txid) and outcome in _OUTCOMES
        ):
            return txid, _OUTCOMES[outcome]
        case _:
            raise _malformed(message)


def write_seen(txid: str, outcome: Event) -> dict[str, Json]:
    """What ``read_seen`` reads; ``outcome`` is one of the three events that end an escrow."""
    words = {event: word for word, event in _OUTCOMES.items()}
    return {"txid": txid, "outcome": words[outcome]}


def _malformed(message: Message) -> BodyMalformed:
    return BodyMalformed(
        f"The body of a {message.kind.value} message has another form; see docs/protocol.md.",
        kind=message.kind.value,
    )
