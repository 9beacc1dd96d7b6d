"""What an operator sees of all escrows."""

from __future__ import annotations

from tests.contract.kit import Market
from tripartite.coordinator.escrows.listing import listed
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind


def test_open_escrows_are_listed_with_whom_they_wait_for_the_oldest_first(market: Market) -> None:
    disputed, proposed = market.disputed_deal(), market.proposed_deal()
    cancelled = market.proposed_deal()
    market.say(cancelled, Role.BUYER, Kind.CANCEL, body={"reason": "changed_mind"})

    shown = list(listed(only_open=True))

    assert [one.escrow_id for one in shown] == [disputed.escrow_id, proposed.escrow_id]
    assert [one.status for one in shown] == ["disputed", "created"]
    assert [one.may_hold_money for one in shown] == [True, False]
    assert shown[0].waiting_on == ((Role.ARBITER, "rule"),)
    assert shown[0].parties == {role: role.value for role in Role}
    assert len(list(listed(only_open=False))) == 3
