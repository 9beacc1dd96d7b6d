"""What a wallet says of its own fitness to sign; nothing here changes its nonces."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tripartite.agent.wallets.slots import Slot
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.monero.monerod import KeyImageStatus, Monerod


@dataclass(frozen=True, slots=True)
class Health:
    """An opened wallet, refreshed as far as its node lets it.

    ``height`` counts blocks; ``unlocked`` is in piconero; ``spent`` are the node's words about its
    outputs, empty if it knows none.
    """

    height: int
    import_needed: bool
    unlocked: int
    spent: tuple[KeyImageStatus, ...]


def examine(slot: Slot, node: Monerod, infos: Sequence[str] = ()) -> Health:
    """Refresh once and ask. Raises what the wallet answers when it can't be asked at all.

    ``infos`` are others' exports, however old: from any of them a wallet learns the images of the
    outputs that were there, and so whether they are spent. One that can't be read tells nothing.
    """
    with suppress(Unavailable):
        slot.rpc.refresh()
    for info in infos:
        with suppress(TripartiteError):
            slot.rpc.import_multisig_info([info])
    balance = slot.rpc.get_balance()
    statuses: tuple[KeyImageStatus, ...] = ()
    # A wallet without anything says no to this; then there is nothing to ask the node about.
    with suppress(TripartiteError):
        images = [one.key_image for one in slot.rpc.incoming_transfers() if one.key_image]
        statuses = tuple(node.is_key_image_spent(images)) if images else ()
    return Health(slot.rpc.get_height(), balance.multisig_import_needed, balance.unlocked, statuses)
