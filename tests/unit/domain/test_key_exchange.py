"""Whose turn it is in a key exchange."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.key_exchange import Round, next_round
from tripartite.domain.parties import Role


@given(st.lists(st.sampled_from(Role), min_size=60, max_size=60))
def test_any_order_of_speaking_ends_with_three_attestations(order: list[Role]) -> None:
    said: set[tuple[Round, Role]] = set()
    for role in [*order, *(role for _ in Round for role in Role)]:
        this = next_round(role, said)
        if this is None:
            continue
        assert (this, role) not in said
        if this > Round.PREPARE:
            assert all((Round(this - 1), other) in said for other in Role)
        said.add((this, role))
    assert said == {(this, role) for this in Round for role in Role}
    assert all(next_round(role, said) is None for role in Role)


def test_nobody_runs_ahead_of_a_silent_party() -> None:
    said = {(Round.PREPARE, Role.BUYER), (Round.PREPARE, Role.VENDOR)}
    assert next_round(Role.BUYER, said) is None
    assert next_round(Role.ARBITER, said) is Round.PREPARE
