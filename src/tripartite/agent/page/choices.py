"""Which decisions the page offers, and how much each stands out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tripartite.domain import naming
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import asked_of, open_verbs
from tripartite.protocol.record import Record
from tripartite.protocol.succession import may_replace

TITLES: Final[Mapping[str, str]] = {
    **naming.DECISIONS,
    "accept": "Accept the terms",
    "resume": "Go on with a frozen escrow",
    "carry_out": "Sign the ruling",
    "state": "Make a statement",
    "evidence": "Show evidence",
    "replace_arbiter": "Replace the arbiter",
}
"""What each decision is called, by the last part of its address."""

_HUMAN: Final = frozenset({"accept_terms", "deposit", "release", "rule", "agree", "move"})
"""What an escrow asks of a person; all else its agent does by itself."""

_ANSWERS: Final[Mapping[str, str]] = {
    "accept_terms": "accept",
    "release": "release",
    "rule": "rule",
    "agree": "agree",
    "carry_out": "carry_out",
    "resume": "resume",
}
"""The decision that answers what is asked."""

_ONCE: Final = frozenset({"accept", "release"})
"""Said once and for all: whether the own record has it yet makes no difference."""

_GRAVE: Final = frozenset({"cancel", "dispute", "refund"})
"""Decisions that leave the way on which both sides set out: drawn as a warning."""

_ARGUING: Final = ("carry_out", "rule", "agree", "move", "settle", "state", "evidence")
"""What a case's page offers, in this order; the escrow's own page offers the rest."""

_SAYING: Final = ("state", "evidence")
"""What can always be said in a case."""


@dataclass(frozen=True, slots=True)
class Button:
    """A decision that can be begun; ``style`` is a class of the stylesheet, "" for the loudest."""

    verb: str
    title: str
    style: str


def asked(record: Record, role: Role, *, ruled: bool) -> list[str]:
    """What the escrow wants from its person; ``ruled``: a ruling waits for their signature."""
    wanted = [what for what in asked_of(record, role) if what in _HUMAN]
    return [*wanted, "carry_out"] if ruled else wanted


def unanswered(asks: Iterable[str], decided: Iterable[Mapping[str, object]]) -> list[str]:
    """Without what its person has decided a moment ago and the agent is still saying."""
    answered = {
        one["decision"]
        for one in decided
        if one["outcome"] is None or (one["outcome"] == "done" and one["decision"] in _ONCE)
    }
    return [what for what in asks if _ANSWERS.get(what) not in answered]


def buttons(record: Record, role: Role, *, ruled: bool) -> list[Button]:
    """What the escrow's page offers."""
    verbs = [*open_verbs(record, role)]
    if may_replace(record, role):
        verbs.append("replace_arbiter")
    return _drawn(["carry_out", *verbs] if ruled else verbs, asked(record, role, ruled=ruled))


def arguing(record: Record, role: Role, *, ruled: bool) -> list[Button]:
    """What the page of its dispute offers."""
    open_now = {"carry_out"} if ruled else set[str]()
    open_now |= {*open_verbs(record, role), *_SAYING}
    return _drawn([verb for verb in _ARGUING if verb in open_now], asked(record, role, ruled=ruled))


def _drawn(verbs: Iterable[str], wanted: Iterable[str]) -> list[Button]:
    loud = set(wanted)
    return [
        Button(
            verb,
            TITLES[verb],
            "" if verb in loud else "danger" if verb in _GRAVE else "quiet",
        )
        for verb in verbs
    ]
