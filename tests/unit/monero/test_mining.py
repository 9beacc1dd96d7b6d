"""Blocks on request: what a node took a moment ago has to be in them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tripartite.monero import monerod
from tripartite.monero.answers import Answer
from tripartite.monero.monerod import Monerod

SENT: dict[str, object] = {"id_hash": "ab", "relayed": False}
PASSED_ON: dict[str, object] = {"id_hash": "ab", "relayed": True}


class Node:
    """Shows one pool after the other, the last one for ever; notes when it mines."""

    def __init__(self, *pools: list[dict[str, object]]) -> None:
        self._pools = list(pools)
        self.asked = 0
        self.mined_after: int | None = None

    def post(self, path: str, _params: object, **_: object) -> Answer:
        assert path == "/get_transaction_pool"
        self.asked += 1
        pool = self._pools.pop(0) if len(self._pools) > 1 else self._pools[0]
        return Answer(path, {"status": "OK", "transactions": pool})

    def call(self, method: str, _params: object, **_: object) -> Answer:
        assert method == "generateblocks"
        self.mined_after = self.asked
        return Answer(method, {"status": "OK", "blocks": ["cd"]})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monerod, "_BETWEEN_LOOKS", 0)


def mine(node: Node) -> None:
    client = Monerod("http://127.0.0.1:1")
    client._channel.close()
    client._channel = cast("Any", node)
    assert client.generate_blocks(1, "somebody") == ("cd",)


def test_a_payment_that_was_just_sent_is_waited_for() -> None:
    node = Node([PASSED_ON, SENT], [PASSED_ON, SENT], [PASSED_ON, PASSED_ON])

    mine(node)

    assert node.mined_after == 3


@pytest.mark.parametrize("why", ["do_not_relay", "kept_by_block"])
def test_what_is_never_passed_on_is_not_waited_for(why: str) -> None:
    node = Node([{**SENT, why: True}])

    mine(node)

    assert node.mined_after == 1


def test_a_node_that_passes_nothing_on_mines_all_the_same() -> None:
    node = Node([SENT])

    mine(node)

    assert node.mined_after == monerod._LOOKS
