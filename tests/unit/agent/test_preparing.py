"""Wallets are made ahead, so that a key exchange starts at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.unit.agent.market import Market
from tripartite.agent.engine import Preparing
from tripartite.domain.errors import TripartiteError
from tripartite.monero.errors import DaemonUnreachable

SECONDS = 10.0


@contextmanager
def preparing(market: Market, *, target: int = 2) -> Iterator[Preparing]:
    failures: list[BaseException] = []
    desk = market.buyer.desk
    made = Preparing(
        desk.wallets,
        desk.book,
        target=target,
        until_idle=lambda _: True,
        failed=failures.append,
        quiet=0.0,
    )
    made.start()
    yield made
    made.stop()
    assert failures == []


def test_wallets_are_kept_ready_and_one_of_them_open(market: Market) -> None:
    with preparing(market) as made:
        assert made.wait_until_ready(seconds=SECONDS)

        ready = market.buyer.desk.book.prepared()
        assert len(ready) == 2
        assert made.take_warm() in ready


def test_a_wallet_that_was_taken_is_replaced(market: Market) -> None:
    book = market.buyer.desk.book
    with preparing(market) as made:
        assert made.wait_until_ready(seconds=SECONDS)
        warm = made.take_warm()
        assert warm is not None
        assert book.assign(warm, "5e" * 16, 1)
        # Nothing tells the thread to look but the taking itself.
        made.take_warm()

        assert made.wait_until_ready(seconds=SECONDS)
        assert len(book.prepared()) == 2
        assert warm not in book.prepared()


def test_nobody_gets_a_wallet_twice(market: Market) -> None:
    book = market.buyer.desk.book
    with preparing(market, target=1) as made:
        assert made.wait_until_ready(seconds=SECONDS)
        (name,) = book.prepared()

    assert book.assign(name, "5e" * 16, 1)
    assert not book.assign(name, "77" * 16, 1)


def test_a_wallet_that_could_not_be_made_is_set_aside_not_used(market: Market) -> None:
    trouble: list[TripartiteError] = [DaemonUnreachable("Down.")]
    market.buyer.wallets.trouble["make"] = trouble
    with preparing(market, target=1):
        pass
    market.buyer.desk.book.forget_half_made()

    assert market.buyer.desk.book.prepared() == []
