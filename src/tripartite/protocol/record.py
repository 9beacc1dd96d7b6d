"""The record of one escrow: what has been said, folded into where it stands.

A ``Record`` keeps hashes and small facts, never sealed content: it is a few kilobytes, turns into
JSON (``snapshot``) and is enough to judge the next message (``admission``) and to say what each
party must do (``next_step``). Coordinator and agents fold the same words in the same order and so
come to the same state, or an agent finds out who lied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from tripartite.domain.deposits import Report
from tripartite.domain.errors import Refused
from tripartite.domain.key_exchange import SECRET_ROUNDS, Round
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.parties import Role
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.canonical import Json, canonical, digest
from tripartite.protocol.identity import PublicIdentity

PAYOUT_INFO_ROUND: Final = 1
PAYOUT_TXSET_ROUND: Final = 2
PAYOUT_BROADCAST_ROUND: Final = 3


class NotAParty(Refused):
    """This identity takes no part in the escrow."""

    code: ClassVar[str] = "not_a_party"


@dataclass(frozen=True, slots=True)
class Head:
    """The last message on record of one speaker."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class Attestation:
    """What one agent saw at the end of a key exchange."""

    address: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Successor:
    """Where money is moved: an escrow, its contract, and the address that its three attested."""

    escrow_id: str
    contract_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What one trader offers: a split, or a move of all the money to a successor.

    ``vendor_share`` is of the agreed amount, in piconero. One of the two is None.
    """

    digest: str
    vendor_share: int | None
    successor: Successor | None = None


@dataclass(frozen=True, slots=True)
class Payout:
    """The payout being made: what for, by whom, and how far it is.

    ``builder`` builds the transaction; ``cosigner`` checks, signs and submits it. The cosigner is
    the one who gets paid: nobody has more reason to finish. ``said`` holds message hashes by
    (round, role) of the present ``attempt``. A settlement names the ``vendor_share`` of the agreed
    amount in piconero or the ``successor`` that gets everything, a ruling the ``vendor_bps``.
    ``key_images`` are those of the outputs that it spends, by the builder's word.
    """

    event: Event
    builder: Role
    cosigner: Role
    attempt: int = 1
    vendor_share: int | None = None
    vendor_bps: int | None = None
    successor: Successor | None = None
    said: Mapping[tuple[int, Role], str] = field(default_factory=dict)
    key_images: tuple[str, ...] = ()
    txid: str | None = None

    @property
    def signers(self) -> tuple[Role, Role]:
        """The two whose wallets sign."""
        return self.builder, self.cosigner


@dataclass(frozen=True, slots=True)
class Record:
    """Where an escrow stands, by the words on record.

    ``details`` are the hashes of the sealed parts; ``exchange`` holds message hashes by
    (round, role) of the present key exchange ``attempt``, and ``attested`` what was attested in it.
    ``broadcasts`` are all payouts ever handed to the network, by transaction id, with the event
    that makes each final: whichever is mined is the outcome. ``spends`` are the key images that
    each of them has to spend, by its builder's word (see ``is_own_payout``). ``seen`` are parties'
    reports of a payout that was made outside this record, ``late`` those of money that came after
    the last payout was final.
    """

    agreement: Agreement
    proposal: str
    state: State
    heads: Mapping[Role, Head]
    details: Mapping[Role, str]
    contract_id: str | None = None
    signed: frozenset[Role] = frozenset()
    attempt: int = 1
    exchange: Mapping[tuple[Round, Role], str] = field(default_factory=dict)
    attested: Mapping[Role, Attestation] = field(default_factory=dict)
    address: str | None = None
    reports: Mapping[Role, Report] = field(default_factory=dict)
    offers: Mapping[Role, Offer] = field(default_factory=dict)
    disputed_by: Role | None = None
    payout: Payout | None = None
    broadcasts: Mapping[str, Event] = field(default_factory=dict)
    spends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seen: Mapping[Role, tuple[str, Event]] = field(default_factory=dict)
    late: Mapping[Role, Report] = field(default_factory=dict)

    @property
    def escrow_id(self) -> str:
        """The id that the proposer chose."""
        return self.agreement.terms.escrow_id

    @property
    def parties(self) -> Mapping[Role, PublicIdentity]:
        """The pinned identities."""
        return self.agreement.parties

    def role_of(self, identity: PublicIdentity) -> Role:
        """The role of this pinned identity.

        Raises:
            NotAParty: it isn't one of the three.
        """
        for role, party in self.parties.items():
            if party == identity:
                return role
        raise NotAParty("This identity takes no part in the escrow.")


def is_own_payout(record: Record, txid: str, key_images: Collection[str]) -> bool:
    """Whether two parties stand behind a transaction that spends these ``key_images``.

    Whoever signs last announces the transaction, and could name any that is on the chain. So its
    builder has said before which outputs it spends; no other transaction can spend them, and none
    can without two signatures. A payout that two parties report by its id needs no more.
    """
    if txid not in record.broadcasts:
        return False
    promised = record.spends.get(txid)
    return promised is None or sorted(promised) == sorted(key_images)


def transcript(record: Record) -> str | None:
    """The hash over all key exchange messages of the present attempt; None until all nine are in.

    Each agent computes it from what it received itself. Equal hashes mean that all three built
    their wallets from the same messages.
    """
    slots = [(this, role) for this in SECRET_ROUNDS for role in Role]
    if any(slot not in record.exchange for slot in slots):
        return None
    content: dict[str, Json] = {
        "contract_id": record.contract_id,
        "attempt": record.attempt,
        "messages": [record.exchange[slot] for slot in slots],
    }
    return digest(canonical(content))
