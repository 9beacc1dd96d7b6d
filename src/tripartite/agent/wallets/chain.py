"""What a wallet sees on the chain, once it has seen all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tripartite.agent.wallets.records import Sighting, WalletBehind
from tripartite.agent.wallets.slots import Slot
from tripartite.domain.deposits import UNLOCK_DEPTH, Output
from tripartite.domain.errors import TripartiteError
from tripartite.monero.monerod import BlockHeader, Monerod
from tripartite.monero.wallet_results import Transfer, Transfers

_TRIES: Final = 3


def catch_up(slot: Slot, node: Monerod) -> BlockHeader:
    """Refresh until the wallet has scanned every block; the chain's top block.

    wallet-rpc opens without refreshing, and silently loses an import that comes before. After a
    deep reorganisation the first refresh may keep the orphan, so heights are compared.
    Raises WalletBehind, DaemonUnreachable.
    """
    for _ in range(_TRIES):
        slot.rpc.refresh()
        # Asked after the refresh: a block that arrives between makes one more try, not a lie.
        top = node.get_last_block_header()
        if slot.rpc.get_height() == top.height + 1:
            return top
    raise WalletBehind("Its node may be catching up, or follow another chain: try again.")


def sight(slot: Slot, node: Monerod) -> Sighting:
    """Everything paid to the wallet, mined or in the pool."""
    top = catch_up(slot, node)
    return Sighting(outputs_of(slot.rpc.get_transfers()), top.height + 1, top.timestamp)


def spent_by(slot: Slot, node: Monerod) -> tuple[str, ...]:
    """The ids of mined transactions that took money out of the wallet."""
    catch_up(slot, node)
    return tuple(one.txid for one in slot.rpc.get_transfers().outgoing)


def left_over(slot: Slot, node: Monerod, infos: Sequence[str], *, after: int) -> Sighting:
    """Money that can be spent and that no payout took; ``after`` is the block of the last payout.

    A wallet knows which of its outputs are spent once it has taken in a signer's multisig data
    (``infos``, however old). Where it knows nothing of an output, that is left over only if it was
    too young for that payout.
    """
    top = catch_up(slot, node)
    outputs = slot.rpc.incoming_transfers()
    if infos and not all(one.key_image for one in outputs):
        for info in infos:
            with suppress(TripartiteError):
                slot.rpc.import_multisig_info([info])
        top = catch_up(slot, node)
        outputs = slot.rpc.incoming_transfers()
    left = tuple(
        Output(one.txid, one.global_index, one.amount, one.height)
        for one in outputs
        if one.unlocked and not one.spent
        and (one.key_image or one.height > after - UNLOCK_DEPTH)
    )  # fmt: skip
    return Sighting(left, top.height + 1, top.timestamp)


def outputs_of(transfers: Transfers) -> tuple[Output, ...]:
    """One output per amount; those of one transaction are numbered from the smallest.

    An entry holds all outputs of a transaction to one subaddress. A transaction that is just being
    mined may be listed in both places. Then the block's entry counts: a wallet that looks at the
    pool after the block takes the outputs it already has off the pool's entry, which then shows
    less than was paid, or nothing (measured with 0.18.0.0).
    """
    mined = {entry.txid for entry in transfers.incoming}
    by_transaction: dict[str, list[Transfer]] = defaultdict(list)
    for entry in (*transfers.incoming, *(one for one in transfers.pool if one.txid not in mined)):
        by_transaction[entry.txid].append(entry)
    outputs: list[Output] = []
    for txid, parts in by_transaction.items():
        amounts = sorted(one for part in parts for one in part.amounts or (part.amount,))
        height = parts[0].height if txid in mined else None
        outputs += [
            Output(txid, index, amount, height, parts[0].unlock_time)
            for index, amount in enumerate(amounts)
        ]
    # The wallet's own order changes when it is opened again.
    return tuple(sorted(outputs, key=lambda one: (one.height or 0, one.txid, one.index)))
