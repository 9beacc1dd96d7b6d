"""The markets of the stories. A story fails, too, if a log shows a crash or an uncaught error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract import postgres
from tests.functional.kit.market import Market
from tests.functional.kit.socks import SocksProxy, socks_proxy
from tripartite.devnet.community import Community
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role

# Names under .onion are in no directory of names (RFC 7686): only the proxies can look them up.
DISTANT_NAME = "a-market-known-to-the-proxies-alone.onion"


@pytest.fixture
def market(devnet: Devnet) -> Iterator[Market]:
    """Buyer, vendor and arbiter, their coordinator on SQLite, and the chain."""
    yield from _for_one_story(Market(devnet))


@pytest.fixture(scope="session")
def proxies() -> Iterator[dict[Role, SocksProxy]]:
    """A SOCKS5 proxy for each agent of the distant market."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(socks_proxy()) for role in Role}


@pytest.fixture(scope="session")
def distant_community(devnet: Devnet, proxies: dict[Role, SocksProxy]) -> Iterator[Community]:
    """A coordinator on PostgreSQL, whose name only the agents' proxies can look up."""
    with postgres.cluster() as cluster:
        community = devnet.another_community(
            "distant",
            database_url=cluster.create("coordinator"),
            public_name=DISTANT_NAME,
            proxies={role: proxy.url for role, proxy in proxies.items()},
        )
        yield community
        # Before its database goes away; the devnet would end it only afterwards.
        for party in community.parties.values():
            party.stop()
        community.coordinator.stop()


@pytest.fixture
def distant_market(
    devnet: Devnet, distant_community: Community, proxies: dict[Role, SocksProxy]
) -> Iterator[Market]:
    """The same people elsewhere: PostgreSQL, and agents that reach it through SOCKS5 alone."""
    yield from _for_one_story(Market(devnet, distant_community))
    for proxy in proxies.values():
        proxy.is_honest()


def _for_one_story(market: Market) -> Iterator[Market]:
    before = len(market.devnet.troubles())
    market.mend()
    yield market
    market.mend()
    market.call_off()
    assert market.devnet.troubles()[before:] == []
