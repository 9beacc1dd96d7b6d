"""Payouts that were handed to the network: what became of them, by the party's own node.

All of them spend the same outputs, so at most one is mined, and that one is the outcome whichever
was expected. Nothing is built anew while one of them may still be mined, and one that the node
doesn't know is sent again first: it came whole with the message that announced it. One that spends
something else than its builder said is no payout of this escrow (``is_own_payout``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar, Final

from tripartite.agent.desk import Desk, Later, Outcome, Seen
from tripartite.agent.journal import Journal, StoredCase
from tripartite.agent.speaking import Say
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import Tampered
from tripartite.domain.lifecycle import Teller, confirmed_by, is_open
from tripartite.monero.monerod import KeyImageStatus
from tripartite.protocol.bodies import Broadcast, open_sealed, read_broadcast, write_seen
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import is_own_payout

_FOREIGN: Final = "foreign/"


class PayoutElsewhere(Tampered):
    """The payout that was announced doesn't spend this escrow's money."""

    code: ClassVar[str] = "payout_elsewhere"


def look_at_broadcasts(desk: Desk, case: StoredCase) -> Outcome:
    """The outcome, or when to look again; None if no payout is on its way."""
    record, known = case.record, case.record.broadcasts
    if not known:
        return None
    answer = desk.node.get_transactions(list(known), prune=True).found
    found = [one for one in answer if is_own_payout(record, one.txid, one.key_images)]
    if not found:
        foreign = {one.txid for one in answer if one.txid in known}
        if foreign and (outcome := _deal_with(desk, case, foreign)) is not None:
            return outcome
        return Later(desk.pace.confirming) if _send_again(desk, case, but=foreign) else None
    deepest = max(found, key=lambda one: one.confirmations)
    event = known[deepest.txid]
    if deepest.confirmations >= UNLOCK_DEPTH and is_open(record.state, event, by=Teller.CHAIN):
        _require_own_money_spent(desk, case)
        return Seen(event)
    return Later(desk.pace.confirming)


def _deal_with(desk: Desk, case: StoredCase, foreign: set[str]) -> Outcome:
    """Stop once for each transaction of something else; then a signer begins the payout anew."""
    told = set((desk.journal.setting(_FOREIGN + case.escrow_id) or "").split())
    if foreign - told:
        desk.journal.set_setting(_FOREIGN + case.escrow_id, " ".join(sorted(told | foreign)))
        raise _elsewhere()
    payout = case.record.payout
    if payout is None or payout.txid not in foreign:
        return None
    if case.role in payout.signers:
        return Say(Kind.PAYOUT_RESTART, {"reason": PayoutElsewhere.code}, payout.attempt)
    return Later(desk.pace.confirming)


def _require_own_money_spent(desk: Desk, case: StoredCase) -> None:
    """The last look is the own wallet's: two parties might stand behind any transaction together.

    A wallet that took in another's multisig data since the deposit knows the deposit's key images,
    and the node knows whether they are spent. Who doesn't sign has the signers' data all the same:
    it is sealed to both others. A wallet that can't know says nothing against it. An arbiter who
    was never called leaves its wallet closed.
    """
    record = case.record
    payout, ref = record.payout, desk.book.assigned(case.escrow_id, record.attempt)
    if payout is None or ref is None:
        return
    signs = case.role in payout.signers
    if not signs and record.disputed_by is None:
        return
    infos = () if signs else infos_of_others(desk.journal, desk.identity, case)
    health = desk.wallets.examine(ref, infos)
    if (signs and health.import_needed) or not health.spent:
        return
    if all(status is KeyImageStatus.UNSPENT for status in health.spent):
        raise _elsewhere()


def infos_of_others(journal: Journal, identity: Identity, case: StoredCase) -> tuple[str, ...]:
    """The latest multisig data that each other party exported for a payout."""
    latest = {}
    for text in journal.texts_of(case.escrow_id, Kind.PAYOUT_INFO):
        message = read_envelope(text)
        if message.role is not case.role:
            latest[message.role] = message
    return tuple(open_sealed(one, "multisig_info", reader=identity) for one in latest.values())


def _elsewhere() -> PayoutElsewhere:
    return PayoutElsewhere(
        "The escrow's money is where it was. Tell the others, and finish without whoever announced "
        "this: any two of you can. After `tripartite agent resume` the payout begins anew."
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


def _send_again(desk: Desk, case: StoredCase, *, but: Collection[str]) -> bool:
    """Send what was signed, the latest first; whether the node took one.

    No wallet is needed. What the node refuses is another's rival, or can't be mined any more.
    """
    for broadcast in _broadcasts(desk, case):
        if broadcast.txid not in but and desk.node.send_raw_transaction(broadcast.tx).accepted:
            return True
    return False


def _broadcasts(desk: Desk, case: StoredCase) -> Iterator[Broadcast]:
    for text in reversed(desk.journal.texts_of(case.escrow_id, Kind.PAYOUT_BROADCAST)):
        yield read_broadcast(read_envelope(text))
