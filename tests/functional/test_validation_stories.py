"""The check before a launch, in small: two escrows at once on the devnet that all stories share."""

from __future__ import annotations

import random

from tests.functional.kit.market import Market
from tripartite.devnet.ground import RegtestGround
from tripartite.domain.settlement import Recipient
from tripartite.validation.figures import course_wrongs
from tripartite.validation.floor import Floor
from tripartite.validation.plan import Ending, order
from tripartite.validation.trading import carry_out


def test_two_escrows_at_once_end_as_ordered_and_pay_to_the_piconero(market: Market) -> None:
    ground = RegtestGround(market.devnet, community=market.community)
    chance = random.Random(1)
    orders = [
        order(number, ending, chance)
        for number, ending in enumerate((Ending.RELEASE, Ending.RULING_SPLIT), start=1)
    ]
    try:
        with Floor(ground, patience=180.0, say=lambda _: None) as floor:
            courses = floor.side_by_side(
                lambda one: carry_out(floor, one, "escrow"), orders, at_once=2
            )
    finally:
        ground.let_go()

    income = {who: market.devnet.purses.income(who) for who in Recipient}
    assert [wrong for one in courses for wrong in course_wrongs(one, income)] == []
    assert all(
        one.phases.keys() >= {"make the 2-of-3 wallet", "sign the payout"} for one in courses
    )
