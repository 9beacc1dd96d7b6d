"""Rules of carrying a payout out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tripartite.domain.key_exchange import THRESHOLD
from tripartite.domain.lifecycle import (
    REPORTED,
    Event,
    MoveNotOpen,
    Teller,
    confirmed_by,
    is_open,
)
from tripartite.protocol import bodies
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import PAYOUT_INFO_ROUND, PAYOUT_TXSET_ROUND, Payout, Record
from tripartite.protocol.rules.turns import (
    Applied,
    OutOfRound,
    TooManyAttempts,
    WrongRole,
    require_attempt,
    require_open,
    step,
)

MAX_PAYOUT_ATTEMPTS: Final = 100
"""After so many a person has to look; each costs its signers a round of exports."""


def payout_info(record: Record, message: Message) -> Applied:
    """A signer exports fresh multisig data."""
    bodies.read_sealed(message)
    payout = _payout(record, message)
    return _say_in_payout(record, payout, message), ()


def payout_txset(record: Record, message: Message) -> Applied:
    """The builder sends the transaction, sealed, and says openly which outputs it spends."""
    bodies.read_sealed(message)
    images = bodies.read_key_images(message)
    payout = _payout(record, message)
    if message.role is not payout.builder:
        raise WrongRole(f"This payout is built by the {payout.builder.value}.")
    if any((PAYOUT_INFO_ROUND, signer) not in payout.said for signer in payout.signers):
        raise OutOfRound("A payout is built once both signers have exported.")
    return _say_in_payout(record, replace(payout, key_images=images), message), ()


def payout_broadcast(record: Record, message: Message) -> Applied:
    """The cosigner has signed and submitted; the transaction is public now.

    That is a claim until the chain shows that it spends what the builder said.
    """
    broadcast = bodies.read_broadcast(message)
    payout = _payout(record, message)
    if message.role is not payout.cosigner:
        raise WrongRole(f"This payout is submitted by the {payout.cosigner.value}.")
    if (PAYOUT_TXSET_ROUND, payout.builder) not in payout.said:
        raise OutOfRound("A payout is submitted once it has been built.")
    after = _say_in_payout(record, replace(payout, txid=broadcast.txid), message)
    final = confirmed_by(record.state)
    assert final is not None
    after = replace(
        after,
        broadcasts={**record.broadcasts, broadcast.txid: final},
        spends={**record.spends, broadcast.txid: payout.key_images},
    )
    return step(after, Event.PAYOUT_BROADCAST, by=Teller(message.role.value))


def payout_restart(record: Record, message: Message) -> Applied:
    """A signer throws the attempt away; both export afresh."""
    bodies.read_reason(message)
    payout = _payout(record, message)
    if payout.attempt >= MAX_PAYOUT_ATTEMPTS:
        raise TooManyAttempts(f"{MAX_PAYOUT_ATTEMPTS} payouts failed; a person has to look.")
    # A payout that was broadcast can be built anew, too: both spend the same outputs, so only one
    # can be mined, and ``broadcasts`` still knows the first.
    fresh = replace(payout, attempt=payout.attempt + 1, said={}, key_images=(), txid=None)
    return replace(record, payout=fresh), ()


def payout_seen(record: Record, message: Message) -> Applied:
    """Two parties' wallets saw a payout that this record doesn't know: it will be watched."""
    txid, outcome = bodies.read_seen(message)
    reported = REPORTED[outcome]
    starts = is_open(record.state, reported, by=Teller.WALLETS)
    if not starts:
        require_open(record, outcome, by=Teller.CHAIN)
    seen = {**record.seen, message.role: (txid, outcome)}
    after = replace(record, seen=seen)
    if list(seen.values()).count((txid, outcome)) < THRESHOLD:
        return after, ()
    # Two can sign whatever they like, so two words are enough, also against a builder's.
    spends = {one: images for one, images in record.spends.items() if one != txid}
    after = replace(after, broadcasts={**record.broadcasts, txid: outcome}, spends=spends)
    return step(after, reported, by=Teller.WALLETS) if starts else (after, ())


def _payout(record: Record, message: Message) -> Payout:
    """The payout being made, if this message can belong to it."""
    payout = record.payout
    if payout is None:
        raise MoveNotOpen(f"No payout is being made while the escrow is {record.state.value}.")
    if message.role not in payout.signers:
        signers = " and ".join(signer.value for signer in payout.signers)
        raise WrongRole(f"This payout is signed by {signers}.")
    require_open(record, Event.PAYOUT_BROADCAST, by=Teller(message.role.value))
    require_attempt(message, payout.attempt)
    return payout


def _say_in_payout(record: Record, payout: Payout, message: Message) -> Record:
    said = {**payout.said, (message.round, message.role): message.digest}
    return replace(record, payout=replace(payout, said=said))
