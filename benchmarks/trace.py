"""Where the time of a set-up goes, round by round, along the party that was last in each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from benchmarks.agents import Setup
from benchmarks.recorder import FOLD, MARK, POST, RECEIVE, SEAL, WALLET, WRITE, Note
from tripartite.protocol.envelope import Kind

_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Leg:
    """One round, in seconds. The parts, in order of time, add up to ``total``.

    ``push``: from the admission of the last message of the round before until this party has it
    (and all that isn't named below, before the wallet is called); ``fold``: judging and storing
    it; ``unseal``: opening what the others said; ``mark``: noting in the journal that the step
    begins. ``wallet``: inside wallet-rpc. ``between``: among and around several wallet calls,
    notes and fsyncs of the wallet pool included. ``seal``, ``write``: sealing; signing and storing
    the own message. ``after``: what else happens between the wallet's answer and the request.
    ``admit``: from the request until the coordinator stamps it.
    """

    push: float
    fold: float
    unseal: float
    mark: float
    wallet: float
    between: float
    after: float
    seal: float
    write: float
    admit: float

    @property
    def total(self) -> float:
        """From the last admission of the round before to the last of this one."""
        return sum((getattr(self, one.name) for one in fields(self)), start=0.0)


def legs(setup: Setup) -> tuple[Leg, ...]:
    """The rounds prepare, make, exchange and attest of a set-up."""
    found = []
    began = setup.accepted_at
    for this in range(1, _ROUNDS + 1):
        kind = Kind.ATTEST if this == _ROUNDS else Kind.KEY_EXCHANGE
        last = max(
            (one for one in setup.messages if one.kind is kind and one.round == this),
            key=lambda one: one.at,
        )
        found.append(_leg(setup.notes[last.role], began, last.at))
        began = last.at
    return tuple(found)


def mean(samples: Sequence[Sequence[Leg]]) -> tuple[Leg, ...]:
    """The mean of each part of each round: means add up, as medians don't."""
    return tuple(
        Leg(*(sum(getattr(leg, one.name) for leg in same) / len(same) for one in fields(Leg)))
        for same in zip(*samples, strict=True)
    )


def _leg(notes: Sequence[Note], began: float, ended: float) -> Leg:
    posted = next(note for note in notes if note.what == POST and note.began <= ended <= note.ended)
    # What began before this round has to do with the one before.
    here = [note for note in notes if note.began >= began and note.ended <= posted.began]
    calls = [note for note in here if note.what == WALLET]
    first, last = calls[0].began, max(note.ended for note in calls)
    before = [note for note in here if note.ended <= first]
    after = [note for note in here if note.began >= last]
    fold, unseal, mark = (_busy(before, what) for what in ((RECEIVE, FOLD), (SEAL,), (MARK,)))
    seal, write = _busy(after, (SEAL,)), _busy(after, (WRITE,))
    wallet = _busy(calls, (WALLET,))
    return Leg(
        push=first - began - fold - unseal - mark,
        fold=fold,
        unseal=unseal,
        mark=mark,
        wallet=wallet,
        between=last - first - wallet,
        after=posted.began - last - seal - write,
        seal=seal,
        write=write,
        admit=ended - posted.began,
    )


def _busy(notes: Sequence[Note], kinds: tuple[str, ...]) -> float:
    """Seconds in which at least one of these was going on: threads do things side by side."""
    total, until = 0.0, 0.0
    for note in sorted((one for one in notes if one.what in kinds), key=lambda one: one.began):
        total += max(0.0, note.ended - max(note.began, until))
        until = max(until, note.ended)
    return total
