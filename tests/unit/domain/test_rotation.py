"""Laws of the rotation: fair, and the same for everybody who checks it."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.rotation import Candidate, rotation

candidates = st.lists(
    st.builds(Candidate, st.text("abc-", min_size=1, max_size=4), st.integers(0, 5)),
    unique_by=lambda one: one.name,
    max_size=8,
)
seeds = st.text(max_size=10)


@given(candidates, seeds, st.randoms())
def test_everybody_computes_the_same_order_from_the_same_facts(
    drawn: list[Candidate], seed: str, chance: Random
) -> None:
    shuffled = list(drawn)
    chance.shuffle(shuffled)

    order = rotation(shuffled, seed=seed)

    assert order == rotation(drawn, seed=seed)
    assert sorted(order) == sorted(one.name for one in drawn)


@given(candidates, seeds)
def test_the_least_open_work_always_comes_first(drawn: list[Candidate], seed: str) -> None:
    work = {one.name: one.open_work for one in drawn}
    loads = [work[name] for name in rotation(drawn, seed=seed)]
    assert loads == sorted(loads)


def test_among_equals_the_seed_gives_everybody_a_turn() -> None:
    equals = [Candidate(name, 3) for name in ("ada", "ben", "cyd")]
    firsts = Counter(rotation(equals, seed=str(number))[0] for number in range(300))
    assert set(firsts) == {"ada", "ben", "cyd"}
    assert min(firsts.values()) > 60


def test_the_order_is_pinned_so_that_others_can_compute_it() -> None:
    """SHA-256 over the seed's length, the seed and the name, in hexadecimal, ascending."""
    equals = [Candidate(name, 0) for name in ("ada", "ben", "cyd")]
    assert rotation(equals, seed="00ff:buyer:vendor") == PINNED


PINNED = ("ben", "cyd", "ada")
