"""The pairing card: signed, fresh, for one account at one coordinator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tripartite.domain.errors import TripartiteError
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity
from tripartite.protocol.pairing import TYP, VALID_FOR, read_card, write_card
from tripartite.protocol.signing import sign

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_card_says_who_and_where() -> None:
    identity = Identity.generate()
    text = write_card(identity, account="alice", coordinator="https://c.example", issued_at=NOW)
    card = read_card(text, now=NOW + timedelta(minutes=9))
    assert (card.account, card.coordinator) == ("alice", "https://c.example")
    assert card.identity == identity.public
    assert card.issued_at == NOW


@pytest.mark.parametrize("age", [VALID_FOR + timedelta(seconds=1), -VALID_FOR * 2])
def test_a_stale_card_is_refused(age: timedelta) -> None:
    text = write_card(Identity.generate(), account="a", coordinator="c", issued_at=NOW - age)
    with pytest.raises(TripartiteError) as refused:
        read_card(text, now=NOW)
    assert refused.value.code == "pairing_card_stale"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"v": 2}, "envelope_malformed"),
        ({"issued_at": "yesterday"}, "envelope_malformed"),
        ({"issued_at": "2026-11-23T12:00:00"}, "envelope_malformed"),
        ({"identity": {"sign": "x", "seal": "y"}}, "identity_malformed"),
        ({"identity": Identity.generate().public.to_json()}, "signature_invalid"),
    ],
)
def test_a_card_that_is_not_in_order_is_refused(changes: dict[str, Json], code: str) -> None:
    identity = Identity.generate()
    payload: dict[str, Json] = {
        "v": 1,
        "account": "alice",
        "coordinator": "c",
        "identity": identity.public.to_json(),
        "issued_at": NOW.isoformat(),
    }
    with pytest.raises(TripartiteError) as refused:
        read_card(sign(identity, {**payload, **changes}, typ=TYP), now=NOW)
    assert refused.value.code == code
