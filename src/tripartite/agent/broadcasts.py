"""Payouts that were handed to the network: what became of them, by the party's own node.

All of them spend the same outputs, so at most one is mined, and that one is the outcome whichever
was expected. Nothing is built anew while one of them may still be mined, and one that the node
doesn't know is sent again first: it came whole with the message that announced it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tripartite.agent.desk import Desk, Later, Outcome, Seen
from tripartite.agent.journal import StoredCase
from tripartite.agent.speaking import Say
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import Tampered
from tripartite.domain.lifecycle import Teller, confirmed_by, is_open
from tripartite.monero.monerod import KeyImageStatus
from tripartite.protocol.bodies import Broadcast, read_broadcast, write_seen
from tripartite.protocol.envelope import Kind, read_envelope


class PayoutElsewhere(Tampered):
    """The payout that was announced doesn't spend this escrow's money."""

    code: ClassVar[str] = "payout_elsewhere"


def look_at_broadcasts(desk: Desk, case: StoredCase) -> Outcome:
    """The outcome, or when to look again; None if no payout is on its way."""
    known = case.record.broadcasts
    if not known:
        return None
    answer = desk.node.get_transactions(list(known), prune=True).found
    found = [one for one in answer if one.txid in known]
    if not found:
        return Later(desk.pace.confirming) if _send_again(desk, case) else None
    deepest = max(found, key=lambda one: one.confirmations)
    event = known[deepest.txid]
    if deepest.confirmations >= UNLOCK_DEPTH and is_open(case.record.state, event, by=Teller.CHAIN):
        _require_own_money_spent(desk, case)
        return Seen(event)
    return Later(desk.pace.confirming)


def _require_own_money_spent(desk: Desk, case: StoredCase) -> None:
    """Whoever signs last could announce any transaction that is on the chain.

    A wallet that took in another's multisig data since the deposit knows the deposit's key images,
    and the node knows whether they are spent. One that can't know says nothing against it.
    """
    payout, ref = case.record.payout, desk.book.assigned(case.escrow_id, case.record.attempt)
    if payout is None or ref is None or case.role not in payout.signers:
        return
    health = desk.wallets.examine(ref)
    if health.import_needed or not health.spent:
        return
    if all(status is KeyImageStatus.UNSPENT for status in health.spent):
        raise PayoutElsewhere(
            "The escrow's money is where it was. Tell the others, and finish without whoever "
            "announced this: any two of you can."
        )


def tell_of_unknown(desk: Desk, case: StoredCase, spent_by: tuple[str, ...]) -> Say | None:
    """A report of a payout that the own wallet or journal knows, and the record doesn't.

    ``spent_by`` are the transactions by which the wallet says its money went. It is told once the
    own node has it in a block: what only waits in a pool can still be followed by another.
    """
    outcome = confirmed_by(case.record.state)
    own = desk.book.signed_txids(case.escrow_id)
    unknown = [one for one in (*spent_by, *own) if one not in case.record.broadcasts]
    if outcome is None or not unknown:
        return None
    for one in desk.node.get_transactions(unknown, prune=True).found:
        mined = one.txid in unknown and one.height is not None
        if mined and case.record.seen.get(case.role) != (one.txid, outcome):
            return Say(Kind.PAYOUT_SEEN, write_seen(one.txid, outcome))
    return None


def _send_again(desk: Desk, case: StoredCase) -> bool:
    """Send what was signed, the latest first; whether the node took one.

    No wallet is needed. What the node refuses is another's rival, or can't be mined any more.
    """
    for broadcast in _broadcasts(desk, case):
        if desk.node.send_raw_transaction(broadcast.tx).accepted:
            return True
    return False


def _broadcasts(desk: Desk, case: StoredCase) -> Iterator[Broadcast]:
    for text in reversed(desk.journal.texts_of(case.escrow_id, Kind.PAYOUT_BROADCAST)):
        yield read_broadcast(read_envelope(text))
