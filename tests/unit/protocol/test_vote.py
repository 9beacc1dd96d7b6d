"""A vote is its member's own word, on the question that was asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity
from tripartite.protocol.signing import EnvelopeMalformed, SignatureInvalid, sign
from tripartite.protocol.vote import (
    TYP,
    Choice,
    VoteForAnother,
    majority,
    question_digest,
    read_vote,
    write_vote,
)

QUESTION: dict[str, Json] = {"panel": 7, "escrow_id": "5e" * 16, "status": "disputed"}


@pytest.fixture(scope="module")
def member() -> Identity:
    return Identity.generate()


@pytest.mark.parametrize("choice", Choice)
def test_what_was_voted_is_what_is_read(member: Identity, choice: Choice) -> None:
    text = write_vote(member, QUESTION, choice)

    assert read_vote(text, QUESTION, member.public).choice is choice


def test_nobody_votes_for_another(member: Identity) -> None:
    text = write_vote(Identity.generate(), QUESTION, Choice.WAIT)

    with pytest.raises(SignatureInvalid):
        read_vote(text, QUESTION, member.public)


def test_a_vote_counts_for_one_question_only(member: Identity) -> None:
    text = write_vote(member, QUESTION, Choice.RELEASE)

    with pytest.raises(VoteForAnother):
        read_vote(text, {**QUESTION, "status": "releasing"}, member.public)


@pytest.mark.parametrize(
    "payload",
    [{}, {"v": 2}, {"v": 1, "question": question_digest(QUESTION), "choice": "spend"}],
)
def test_what_is_no_vote_is_refused(member: Identity, payload: dict[str, Json]) -> None:
    with pytest.raises(EnvelopeMalformed):
        read_vote(sign(member, payload, typ=TYP), QUESTION, member.public)


@pytest.mark.parametrize(
    ("votes", "seats", "expected"),
    [
        ([], 3, None),
        ([Choice.WAIT], 3, None),
        ([Choice.WAIT, Choice.RELEASE], 3, None),
        ([Choice.WAIT, Choice.RELEASE, Choice.WAIT], 3, Choice.WAIT),
        ([Choice.REFUND, Choice.REFUND], 4, None),
    ],
)
def test_a_majority_is_more_than_half_of_all_seats(
    votes: Sequence[Choice], seats: int, expected: Choice | None
) -> None:
    assert majority(votes, seats=seats) is expected
