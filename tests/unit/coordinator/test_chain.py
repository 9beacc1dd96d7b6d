"""Stories about the hash over the event log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tripartite.coordinator.events.chain import GENESIS, Link, chain_hash

LINK = Link(1, "MessageRelayed", "0" * 32, None, 7, "2026-11-23T09:30:17.000001Z", '{"a":1}')


def test_the_hash_of_an_event_never_changes() -> None:
    """A log written by an earlier version must stay verifiable."""
    assert chain_hash(GENESIS, LINK) == (
        "205b3b14726c0b22ab3698451644613daec1b45a320cc095fc708d8e4d689839"
    )


@pytest.mark.parametrize(
    "changed",
    [
        replace(LINK, cursor=2),
        replace(LINK, type="MessageRefused"),
        replace(LINK, escrow_id="1" * 32),
        replace(LINK, account_id=0),
        replace(LINK, position=None),
        replace(LINK, at="2026-11-23T09:30:17.000002Z"),
        replace(LINK, data='{"a":2}'),
        replace(LINK, account_id=7, position=None),
    ],
)
def test_every_column_is_covered(changed: Link) -> None:
    assert chain_hash(GENESIS, changed) != chain_hash(GENESIS, LINK)


def test_the_hash_before_is_covered() -> None:
    assert chain_hash("1" * 64, LINK) != chain_hash(GENESIS, LINK)
