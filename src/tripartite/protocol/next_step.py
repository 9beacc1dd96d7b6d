"""What each party must do next, from the record alone.

``next_step(record, role)`` is what that role's agent does by itself; None while it waits or a
person has to decide. ``waiting_on(record)`` turns it round: who keeps the escrow from moving, and
with what. ``open_verbs`` is what a person may decide, ``asked_of`` what is wanted of them. Both
sides use it: an agent to work, the coordinator to tell people whose turn it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from tripartite.domain.key_exchange import Round, next_round
from tripartite.domain.lifecycle import (
    MAY_HOLD_MONEY,
    RULINGS,
    Event,
    Teller,
    is_open,
    open_moves,
    verbs,
)
from tripartite.domain.parties import Role
from tripartite.protocol.record import (
    PAYOUT_INFO_ROUND,
    PAYOUT_TXSET_ROUND,
    Payout,
    Record,
)
from tripartite.protocol.rules.turns import has_money, is_bound


@dataclass(frozen=True, slots=True)
class AcceptTerms:
    """A person has to read the proposal and give their part of the terms."""


@dataclass(frozen=True, slots=True)
class SignTerms:
    """Sign the contract id, after checking everybody's sealed details."""


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """Speak in this round of this attempt."""

    attempt: int
    round: Round


@dataclass(frozen=True, slots=True)
class WatchDeposit:
    """Report what the own wallet sees at the deposit address, whenever it changes."""


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """Export fresh multisig data for this payout attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class BuildPayout:
    """Import the cosigner's data and build the transaction that the contract asks for."""

    attempt: int


@dataclass(frozen=True, slots=True)
class CosignPayout:
    """Import the builder's data, check the transaction, sign it and submit it."""

    attempt: int


@dataclass(frozen=True, slots=True)
class WatchPayout:
    """Wait for the transaction's confirmations."""

    txid: str


Doing: TypeAlias = (
    AcceptTerms
    | SignTerms
    | KeyExchange
    | WatchDeposit
    | ExportInfo
    | BuildPayout
    | CosignPayout
    | WatchPayout
)

_DEPOSIT_EVENTS = (Event.DEPOSIT_CONFIRMED, Event.DEPOSIT_VANISHED, Event.DEPOSIT_ARRIVED_LATE)
_WATCHERS = (Role.BUYER, Role.VENDOR)
"""Whose wallets report the deposit. An escrow without a dispute costs its arbiter no work."""


ARBITER_RESTS: Final = frozenset(
    state for state in MAY_HOLD_MONEY if Event.RULED_SPLIT not in open_moves(state, Role.ARBITER)
)
"""Where nothing is ever asked of an arbiter, who has thousands of escrows there."""


def next_step(record: Record, role: Role) -> Doing | None:
    """What the agent of ``role`` has to do now; None if it is somebody else's turn.

    ``AcceptTerms`` is the one answer that needs a person first.
    """
    state = record.state
    if is_open(state, Event.TERMS_SIGNED, by=Teller.ALL_THREE):
        return _agree(record, role)
    keying = is_open(state, Event.KEY_EXCHANGE_STARTED, by=Teller(role.value))
    if keying or is_open(state, Event.ADDRESS_ATTESTED, by=Teller.ALL_THREE):
        due = next_round(role, record.exchange.keys())
        return None if due is None else KeyExchange(record.attempt, due)
    if record.payout is not None and is_open(state, Event.PAYOUT_BROADCAST, by=Teller(role.value)):
        doing = _pay_out(record.payout, role)
        if doing is not None:
            return doing
    final = (is_open(state, event, by=Teller.CHAIN) for event in record.broadcasts.values())
    if any(final):
        # Also in a dispute: what was sent before may be mined, and is then the outcome.
        return WatchPayout(list(record.broadcasts)[-1])
    told = any(is_open(state, event, by=Teller.WALLETS) for event in _DEPOSIT_EVENTS)
    if role in _WATCHERS and record.address is not None and told:
        return WatchDeposit()
    return None


def waiting_on(record: Record) -> tuple[tuple[Role, str], ...]:
    """Who has to act, and the step's name in snake_case or the verb of a decision."""
    steps = [(role, next_step(record, role)) for role in Role]
    busy = tuple((role, step_name(step)) for role, step in steps if not isinstance(step, _PASSIVE))
    paying = is_open(record.state, Event.PAYOUT_BROADCAST, by=Teller.BUYER)
    if busy or (paying and any(isinstance(step, WatchPayout) for _, step in steps)):
        return busy
    if is_open(record.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS):
        if awaits_move(record):
            return tuple((role, MOVE) for role in _WATCHERS)
        return () if is_bound(record) and has_money(record) else ((Role.BUYER, "deposit"),)
    movers = [role for role, offer in record.offers.items() if offer.successor is not None]
    if movers:
        # Two who offered at the same time: one of them still has to agree to the other's.
        return tuple((role, MOVE) for role in _WATCHERS if [role] != movers)
    for role, event in _DECIDERS:
        if event in open_moves(record.state, role) and event.verb is not None:
            return ((role, event.verb),)
    return ()


def must_accept(record: Record, role: Role) -> bool:
    """Whether the terms wait for this person. All else they can do then is to call it off."""
    return isinstance(next_step(record, role), AcceptTerms)


def open_verbs(record: Record, role: Role) -> tuple[str, ...]:
    """What this person can decide now; ``agree`` and ``move`` only where somebody else offers it."""
    offered = [offer for by, offer in record.offers.items() if by is not role]
    agrees = tuple(_AGREE if one.successor is None else MOVE for one in offered)
    # Only the vendor can still call off what is bound, see ``rules.agreeing.cancel``.
    barred = _CANCEL if is_bound(record) and role is not Role.VENDOR else None
    found = [MOVE] if awaits_move(record) and role in _WATCHERS else []
    for verb in verbs(record.state, role):
        if verb == _AGREE:
            found += agrees
        elif verb != barred:
            found.append(verb)
    return tuple(found)


def ruling_to_sign(record: Record, role: Role) -> Payout | None:
    """The ruling that this trader is to carry out with the arbiter, as long as nothing is sent."""
    payout = record.payout
    if payout is None or payout.event not in RULINGS or payout.cosigner is not role:
        return None
    waits = is_open(record.state, Event.PAYOUT_BROADCAST, by=Teller(role.value))
    return payout if waits and payout.txid is None else None


def is_argued(record: Record) -> bool:
    """Whether statements and evidence are heard: as long as the arbiter can rule."""
    can_rule = is_open(record.state, Event.RULED_SPLIT, by=Teller.ARBITER)
    return can_rule and record.disputed_by is not None


def awaits_move(record: Record) -> bool:
    """Whether this wallet is ready for the money of the escrow that it succeeds, which isn't here."""
    ready = is_open(record.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS)
    return ready and is_bound(record) and not has_money(record)


def asked_of(record: Record, role: Role) -> tuple[str, ...]:
    """What the escrow wants of this party now: names as ``waiting_on`` has them, and ``agree``."""
    wanted = tuple(what for who, what in waiting_on(record) if who is role)
    answers = (one for one in open_verbs(record, role) if one in (_AGREE, MOVE))
    return (*wanted, *(one for one in answers if one not in wanted))


MOVE: Final = "move"
"""What traders do to have the money of one escrow moved into another."""

_AGREE: Final = "agree"
_CANCEL: Final = "cancel"
_PASSIVE = (type(None), WatchDeposit, WatchPayout)

_DECIDERS = (
    (Role.ARBITER, Event.RULED_SPLIT),
    (Role.BUYER, Event.RELEASE_SIGNED),
)
"""Whose decision ends the wait when no agent has anything to do: of those who can decide, the first.

In a dispute that is the arbiter. Who disputes could give in at any time, and isn't asked to.
"""


def step_name(step: Doing | None) -> str:
    """A step's name for people and programs, such as ``build_payout``."""
    words = type(step).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in words).lstrip("_")


def _agree(record: Record, role: Role) -> Doing | None:
    if role not in record.details:
        return AcceptTerms()
    if record.contract_id is not None and role not in record.signed:
        return SignTerms()
    return None


def _pay_out(payout: Payout, role: Role) -> Doing | None:
    if payout.txid is not None:
        return WatchPayout(payout.txid)
    if role not in payout.signers:
        return None
    if (PAYOUT_INFO_ROUND, role) not in payout.said:
        return ExportInfo(payout.attempt)
    exported = all((PAYOUT_INFO_ROUND, signer) in payout.said for signer in payout.signers)
    built = (PAYOUT_TXSET_ROUND, payout.builder) in payout.said
    if role is payout.builder and exported and not built:
        return BuildPayout(payout.attempt)
    if role is payout.cosigner and built:
        return CosignPayout(payout.attempt)
    return None
