"""A validation is done with worthless money only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tripartite.devnet.public_ground import RealMoneyRefused, worthless_network
from tripartite.domain.parties import Network
from tripartite.monero.monerod import NodeInfo

NODE = NodeInfo(
    network=Network.STAGENET,
    height=1_000_000,
    target_height=0,
    top_block_hash="0" * 64,
    synchronized=True,
    offline=False,
    untrusted=False,
    pool_size=0,
    version="",
)


def test_a_node_with_real_money_is_refused() -> None:
    assert worthless_network(NODE) is Network.STAGENET
    with pytest.raises(RealMoneyRefused):
        worthless_network(replace(NODE, network=Network.MAINNET))
