"""What a thief with one of three keys may build instead of the agreed payout: all by its wallet."""

from __future__ import annotations

import secrets

from tests.liars.evil import Bench
from tripartite.domain.settlement import Recipient


def _of(bench: Bench, recipient: Recipient) -> str:
    return bench.plan.addresses[recipient]


def _part(bench: Bench) -> int:
    return bench.balance // 10


def garbage(_: Bench) -> str:
    return secrets.token_hex(300)


def as_agreed(bench: Bench) -> str:
    return bench.transfer(lambda fee: list(bench.due(fee).items()))


def another_recipient(bench: Bench, stranger: str) -> str:
    return bench.transfer(lambda fee: [(stranger, bench.balance - fee)])


def extra_recipient(bench: Bench, stranger: str) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    return bench.transfer(
        lambda fee: [*{**bench.due(fee), vendor: bench.due(fee)[vendor] - part}.items(), (stranger, part)]
    )  # fmt: skip


def short_amount(bench: Bench, _: str) -> str:
    buyer, vendor = _of(bench, Recipient.BUYER), _of(bench, Recipient.VENDOR)
    part = _part(bench)
    return bench.transfer(
        lambda fee: [
            (vendor, bench.due(fee)[vendor] - part),
            (buyer, bench.due(fee)[buyer] + part),
        ]
    )


def excessive_fee(bench: Bench, _: str) -> str:
    return bench.transfer(lambda fee: list(bench.due(fee).items()), priority=4)


def unlock_time(bench: Bench, _: str) -> str:
    return bench.transfer(lambda fee: list(bench.due(fee).items()), unlock_time=1_000_000)


def hidden_change(bench: Bench, _: str) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    due = bench.due(bench.fee)
    return bench.once(list({**due, vendor: due[vendor] - part}.items())).txset


def one_output_only(bench: Bench, _: str) -> str:
    first = min(bench.slot.rpc.incoming_transfers(), key=lambda one: one.amount)
    return bench.call(
        "sweep_single",
        address=_of(bench, Recipient.VENDOR),
        key_image=first.key_image,
        priority=2,
        do_not_relay=True,
    )


def two_transactions(bench: Bench, _: str) -> str:
    # A transaction has at most 16 outputs, so the wallet makes two. Either deposit pays for fifteen,
    # so the first transaction leaves one of them to the second.
    smallest = min(one.amount for one in bench.slot.rpc.incoming_transfers())
    to, part = _of(bench, Recipient.VENDOR), smallest // 18
    return bench.call(
        "transfer_split",
        destinations=[{"address": to, "amount": part} for _ in range(20)],
        account_index=0,
        priority=2,
        do_not_relay=True,
    )


def vendor_twice(bench: Bench) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    return bench.transfer(
        lambda fee: [*{**bench.due(fee), vendor: bench.due(fee)[vendor] - part}.items(), (vendor, part)]
    )  # fmt: skip


def nothing_for_the_vendor(bench: Bench, _: str) -> str:
    buyer = _of(bench, Recipient.BUYER)
    return bench.transfer(lambda fee: [(buyer, bench.balance - fee)])
