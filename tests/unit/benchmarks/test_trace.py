"""Where the time of a set-up went, from notes made up here."""

from __future__ import annotations

import pytest

from benchmarks.agents import Placed, Setup
from benchmarks.recorder import FOLD, MARK, POST, RECEIVE, SEAL, WALLET, WRITE, Note
from benchmarks.trace import legs, mean
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind


def notes(start: float) -> list[Note]:
    """A round of one second: 0.1 s until the news is there, 0.5 s in the wallet."""
    parts = [
        (RECEIVE, 0.1, 0.2),
        (FOLD, 0.15, 0.25),
        (SEAL, 0.25, 0.27),
        (MARK, 0.27, 0.3),
        (WALLET, 0.3, 0.7),
        (WALLET, 0.75, 0.85),
        (SEAL, 0.85, 0.87),
        (WRITE, 0.87, 0.9),
        (POST, 0.9, 1.05),
    ]
    return [Note(what, "", start + began, start + ended) for what, began, ended in parts]


def setup() -> Setup:
    said = [Placed(Role.ARBITER, Kind.SIGN_TERMS, 0, 0.0)]
    said += [Placed(Role.BUYER, Kind.KEY_EXCHANGE, this, float(this)) for this in (1, 2, 3)]
    said += [Placed(Role.VENDOR, Kind.KEY_EXCHANGE, this, this - 0.5) for this in (1, 2, 3)]
    said += [Placed(Role.BUYER, Kind.ATTEST, 4, 4.0)]
    buyer = tuple(note for start in range(4) for note in notes(float(start)))
    return Setup(tuple(said), {Role.BUYER: buyer, Role.VENDOR: (), Role.ARBITER: ()})


def test_the_parts_of_a_round_add_up_along_its_last_party() -> None:
    one = legs(setup())[2]
    assert one.total == pytest.approx(1.0)
    assert one.push == pytest.approx(0.1)
    assert one.wallet == pytest.approx(0.5)
    assert one.between == pytest.approx(0.05)
    assert one.admit == pytest.approx(0.1)


def test_what_two_threads_do_at_once_counts_once() -> None:
    assert legs(setup())[0].fold == pytest.approx(0.15)


def test_a_set_up_lasts_from_the_third_signature_to_the_third_attestation() -> None:
    one = setup()
    assert one.seconds == pytest.approx(4.0)
    assert sum(leg.total for leg in mean([legs(one), legs(one)])) == pytest.approx(4.0)
