"""A coordinator on PostgreSQL whose agents reach it through a proxy that may be anybody's."""

from __future__ import annotations

from tests.functional.conftest import DISTANT_NAME
from tests.functional.kit.leaks import leaks
from tests.functional.kit.market import Market
from tests.functional.kit.socks import SocksProxy
from tripartite.domain.parties import Role


def test_an_escrow_completes_on_postgresql_with_agents_behind_socks(
    distant_market: Market, proxies: dict[Role, SocksProxy]
) -> None:
    deal = distant_market.funded_deal(amount=3_141_592_653_589)
    deal.buyer.release()
    deal.finish()

    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
    for proxy in proxies.values():
        assert set(proxy.names) == {DISTANT_NAME}, "asked for by name, and for nothing else"
        assert proxy.addresses == []
    assert leaks(distant_market, deal, {"the onion name": DISTANT_NAME}) == []


def test_an_agent_refuses_a_forwarded_message_that_was_changed(
    distant_market: Market, proxies: dict[Role, SocksProxy]
) -> None:
    """Whoever sits between can stop this escrow, and make nobody believe a changed word."""
    deal = distant_market.proposed_deal()
    deal.until(deal.is_proposed_to_all)
    proxies[Role.VENDOR].forges_signatures()
    for seat in (deal.vendor, deal.arbiter):
        seat.accept()

    # The first changed word may be the vendor's own, at a place where it knows what it said.
    noticed = {"signature_invalid", "position_rewritten"}
    deal.until(lambda: not noticed.isdisjoint(deal.vendor.alarms()), what="the vendor's alarm")
    assert proxies[Role.VENDOR].meddled > 0
    assert not deal.is_keyed()

    proxies[Role.VENDOR].is_honest()
    other = distant_market.keyed_deal()
    assert other.is_keyed(), "the agent works on for everybody else"
