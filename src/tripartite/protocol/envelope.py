"""The signed envelope: every word that one party says to the others.

An envelope is a compact JWS over canonical JSON with exactly these fields:

    v            1
    escrow_id    32 hexadecimal digits, chosen by the proposer
    contract_id  SHA-256 of the agreed terms; null until all three have given their part
    attempt      key exchange attempt or payout attempt; 0 where neither matters
    round        the step within the attempt; 0 where there is none
    role         who speaks
    kind         what is said (``Kind``)
    seq          1, 2, 3 … per speaker; numbers may be skipped, never used twice
    prev         SHA-256 of the speaker's last envelope on record; null in the first one
    body         depends on the kind (``bodies``)

``prev`` chains what a party said, so a server that drops or swaps one message breaks all later
ones. ``seq`` may skip because a refused message uses its number up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from tripartite.domain.parties import Role
from tripartite.domain.terms import is_escrow_id
from tripartite.protocol.canonical import Json, digest
from tripartite.protocol.identity import Identity, PublicIdentity
from tripartite.protocol.signing import EnvelopeMalformed, Unverified, sign, take_apart, verify

TYP: Final = "tripartite+jws"

MAX_ENVELOPE_BYTES: Final = 512 * 1024
"""Largest envelope. A txset grows with its inputs; sealed and signed it stays below this for
about fifty deposit outputs."""

# An agent reads a message again within a second: its own one when it was written and when it is on
# record, the others' when they arrive and when they are opened. Long ones aren't worth the memory.
_KEPT: Final = 64
_KEPT_CHARACTERS: Final = 16 * 1024

_VERSION: Final = 1
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_FIELDS: Final = frozenset(
    ("v", "escrow_id", "contract_id", "attempt", "round", "role", "kind", "seq", "prev", "body")
)


class Kind(StrEnum):
    """What can be said."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    SIGN_TERMS = "sign_terms"
    CANCEL = "cancel"
    KEY_EXCHANGE = "key_exchange"
    ATTEST = "attest"
    KEY_EXCHANGE_RESTART = "key_exchange_restart"
    DEPOSIT_REPORT = "deposit_report"
    RELEASE = "release"
    REFUND = "refund"
    SETTLEMENT_OFFER = "settlement_offer"
    SETTLEMENT_ACCEPT = "settlement_accept"
    DISPUTE = "dispute"
    STATEMENT = "statement"
    EVIDENCE = "evidence"
    RULING = "ruling"
    PAYOUT_INFO = "payout_info"
    PAYOUT_TXSET = "payout_txset"
    PAYOUT_BROADCAST = "payout_broadcast"
    PAYOUT_RESTART = "payout_restart"
    PAYOUT_SEEN = "payout_seen"


_ROLES: Final = {role.value: role for role in Role}
_KINDS: Final = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Message:
    """One envelope, read. Trust it only after ``open_envelope`` or ``record.admit``."""

    escrow_id: str
    contract_id: str | None
    attempt: int
    round: int
    role: Role
    kind: Kind
    seq: int
    prev: str | None
    body: Mapping[str, Json]
    text: str
    digest: str

    @property
    def place(self) -> dict[str, Json]:
        """What sealed content in this message is bound to."""
        return place(
            self.escrow_id, attempt=self.attempt, round_=self.round, role=self.role, kind=self.kind
        )


def place(escrow_id: str, *, attempt: int, round_: int, role: Role, kind: Kind) -> dict[str, Json]:
    """The spot in an escrow for which content is sealed."""
    return {
        "escrow_id": escrow_id,
        "attempt": attempt,
        "round": round_,
        "role": role.value,
        "kind": kind.value,
    }


def write_envelope(
    identity: Identity,
    *,
    escrow_id: str,
    contract_id: str | None,
    role: Role,
    kind: Kind,
    seq: int,
    prev: str | None,
    body: Mapping[str, Json],
    attempt: int = 0,
    round_: int = 0,
) -> str:
    """A signed envelope as text."""
    payload: dict[str, Json] = {
        "v": _VERSION,
        "escrow_id": escrow_id,
        "contract_id": contract_id,
        "attempt": attempt,
        "round": round_,
        "role": role.value,
        "kind": kind.value,
        "seq": seq,
        "prev": prev,
        "body": body,
    }
    return sign(identity, payload, typ=TYP)


@dataclass(frozen=True, slots=True)
class Claim:
    """An envelope taken apart. ``message`` is what it says; who says so isn't known yet."""

    message: Message
    unverified: Unverified

    def prove(self, signer: PublicIdentity) -> Message:
        """The message, once it is known to be signed by ``signer``.

        Raises:
            SignatureInvalid: somebody else signed it, or it was changed.
        """
        if len(self.unverified.text) <= _KEPT_CHARACTERS:
            _verify_once(self.unverified.text, signer)
        else:
            verify(self.unverified, signer)
        return self.message


def read_claim(text: str) -> Claim:
    """An envelope read once, to be proved when its signer is known.

    Raises:
        EnvelopeMalformed: it isn't one.
    """
    return _claim_once(text) if len(text) <= _KEPT_CHARACTERS else _claim(text)


def read_envelope(text: str) -> Message:
    """An envelope's claims, its signature not yet checked: for routing only.

    Raises:
        EnvelopeMalformed: it isn't one.
    """
    return read_claim(text).message


def open_envelope(text: str, signer: PublicIdentity) -> Message:
    """An envelope known to be signed by ``signer``.

    Raises:
        EnvelopeMalformed: it isn't one.
        SignatureInvalid: somebody else signed it, or it was changed.
    """
    return read_claim(text).prove(signer)


def _claim(text: str) -> Claim:
    unverified = take_apart(text, typ=TYP, limit=MAX_ENVELOPE_BYTES)
    return Claim(_read(unverified.payload, text), unverified)


# Both depend on nothing but their arguments, and what they refuse isn't kept.
_claim_once: Final = lru_cache(maxsize=_KEPT)(_claim)


@lru_cache(maxsize=_KEPT)
def _verify_once(text: str, signer: PublicIdentity) -> None:
    verify(read_claim(text).unverified, signer)


def _read(payload: Mapping[str, Json], text: str) -> Message:
    if frozenset(payload) != _FIELDS or not _is_version(payload["v"]):
        raise EnvelopeMalformed(f"An envelope of version {_VERSION} has exactly its ten fields.")
    match payload:
        case {
            "escrow_id": str(escrow_id),
            "contract_id": None | str() as contract_id,
            "attempt": int(attempt),
            "round": int(round_),
            "role": str(role),
            "kind": str(kind),
            "seq": int(seq),
            "prev": None | str() as prev,
            "body": Mapping() as body,
        } if not any(isinstance(number, bool) for number in (attempt, round_, seq)):
            pass
        case _:
            raise EnvelopeMalformed("A field of the envelope has the wrong type.")
    if role not in _ROLES or kind not in _KINDS:
        raise EnvelopeMalformed("The envelope names an unknown role or kind.")
    if not is_escrow_id(escrow_id) or min(attempt, round_) < 0 or seq < 1:
        raise EnvelopeMalformed("The envelope's escrow id or one of its numbers is out of range.")
    if any(link is not None and not is_digest(link) for link in (contract_id, prev)):
        raise EnvelopeMalformed("Hashes are 64 lower-case hexadecimal digits.")
    return Message(
        escrow_id=escrow_id,
        contract_id=contract_id,
        attempt=attempt,
        round=round_,
        role=_ROLES[role],
        kind=_KINDS[kind],
        seq=seq,
        prev=prev,
        body=body,
        text=text,
        digest=digest(text.encode("ascii")),
    )


def is_digest(text: str) -> bool:
    """Whether ``text`` has the form of a SHA-256 in lower-case hexadecimal."""
    return _DIGEST.fullmatch(text) is not None


def _is_version(value: Json) -> bool:
    """True equals 1 in Python, but not in JSON."""
    return value == _VERSION and not isinstance(value, bool)
