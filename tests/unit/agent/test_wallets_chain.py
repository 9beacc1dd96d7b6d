"""What a wallet lists, read as outputs."""

from __future__ import annotations

from tripartite.agent.wallets.chain import outputs_of
from tripartite.domain.deposits import Output
from tripartite.monero.wallet_results import Transfer, Transfers

TXID = "b9" * 32


def entry(kind: str, *amounts: int, height: int = 0, txid: str = TXID) -> Transfer:
    """An entry as ``get_transfers`` gives it."""
    return Transfer(
        txid=txid, kind=kind, height=height, timestamp=0, amount=sum(amounts), amounts=amounts,
        fee=0, unlock_time=0, locked=True, double_spend_seen=False, confirmations=0, address="",
        subaddress=(0, 0),
    )  # fmt: skip


def listed(*, mined: tuple[Transfer, ...] = (), pool: tuple[Transfer, ...] = ()) -> Transfers:
    """An answer with nothing but deposits."""
    return Transfers(mined, (), (), (), pool)


def test_a_deposit_in_the_pool_has_no_height() -> None:
    assert outputs_of(listed(pool=(entry("pool", 5),))) == (Output(TXID, 0, 5, None),)


def test_what_a_mined_deposit_leaves_in_the_pools_list_is_not_a_second_content() -> None:
    """A wallet that sees block and pool out of order takes what it knows off the pool's entry.

    Measured with wallet-rpc 0.18.0.0: mined with its whole amount, and in the pool with none.
    """
    seen = listed(mined=(entry("in", 5, height=81),), pool=(entry("pool", 0),))

    assert outputs_of(seen) == (Output(TXID, 0, 5, 81),)


def test_another_deposit_may_wait_in_the_pool_meanwhile() -> None:
    other = "c0" * 32
    seen = listed(mined=(entry("in", 5, height=81),), pool=(entry("pool", 7, txid=other),))

    assert outputs_of(seen) == (Output(other, 0, 7, None), Output(TXID, 0, 5, 81))


def test_the_outputs_of_one_transaction_are_numbered_from_the_smallest() -> None:
    seen = listed(mined=(entry("in", 9, 4, height=81),))

    assert outputs_of(seen) == (Output(TXID, 0, 4, 81), Output(TXID, 1, 9, 81))
