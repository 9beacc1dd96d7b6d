"""A panel member's signed word on an escrow that is stuck. It recommends; it moves no money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json, canonical, digest
from tripartite.protocol.identity import Identity, PublicIdentity
from tripartite.protocol.signing import EnvelopeMalformed, sign, take_apart, verify

TYP: Final = "tripartite-vote+jws"
LIMIT: Final = 4_096


class VoteForAnother(Refused):
    """This vote answers another question."""

    code: ClassVar[str] = "vote_for_another"


class Choice(StrEnum):
    """What a panel can recommend."""

    RELEASE = "release"
    """Buyer and vendor should pay the vendor."""
    REFUND = "refund"
    """Vendor and buyer should pay the buyer back."""
    REPLACE_ARBITER = "replace_arbiter"
    """The two should move the money to a wallet with another arbiter."""
    WAIT = "wait"
    """Nothing should be done yet."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote whose signature holds."""

    choice: Choice
    text: str


def question_digest(question: Mapping[str, Json]) -> str:
    """What a vote names, so that it can't be counted for another question."""
    return digest(canonical(question))


def write_vote(identity: Identity, question: Mapping[str, Json], choice: Choice) -> str:
    """A signed vote."""
    payload: dict[str, Json] = {
        "v": 1,
        "question": question_digest(question),
        "choice": choice.value,
    }
    return sign(identity, payload, typ=TYP)


def read_vote(text: str, question: Mapping[str, Json], voter: PublicIdentity) -> Vote:
    """The vote in ``text``, by ``voter`` on ``question``.

    Raises:
        EnvelopeMalformed: not a vote.
        SignatureInvalid: not signed by the voter.
        VoteForAnother: on another question.
    """
    payload = verify(take_apart(text, typ=TYP, limit=LIMIT), voter)
    match payload:
        case {"v": 1, "question": str(asked), "choice": str(word)} if word in list(Choice):
            if asked != question_digest(question):
                raise VoteForAnother("Fetch the question anew, and vote on that.")
            return Vote(Choice(word), text)
        case _:
            raise EnvelopeMalformed("This isn't a vote.")


def majority(votes: Iterable[Choice], *, seats: int) -> Choice | None:
    """What more than half of all seats say, whoever hasn't voted; None until then."""
    counted = list(votes)
    return next((one for one in Choice if counted.count(one) * 2 > seats), None)
