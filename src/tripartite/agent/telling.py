"""Telling of payouts that the record doesn't know.

Two ways lead there. The own node may show that the escrow's outputs are spent, by a transaction that
nobody announced. Or this home has settled by files, and the coordinator is there after all: then it
is told, so that it and the third party come to the same end. Each word is one of two that are needed
(``payout_seen``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Final, Protocol

import structlog

from tripartite.agent.broadcasts import tell_of_unknown
from tripartite.agent.desk import Desk
from tripartite.agent.journal import Freeze, Journal, StoredCase
from tripartite.agent.offline.taking import BY_FILES
from tripartite.agent.ports import Forwarded
from tripartite.agent.speaking import Say
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.lifecycle import CLOSED, Event, Teller, is_open
from tripartite.monero.monerod import KeyImageStatus
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.bodies import write_seen
from tripartite.protocol.envelope import Kind, write_envelope
from tripartite.protocol.record import Record, is_own_payout


class PayoutUnrecorded(Refused):
    """The escrow's money went by a payout that is not on record."""

    code: ClassVar[str] = "payout_unrecorded"


_IMAGES: Final = "key_images/"
_TOLD: Final = "told_coordinator/"
_UNRECORDED: Final = "unrecorded/"


class ImageNode(Protocol):
    """The part of a node that is asked about many escrows at once."""

    def is_key_image_spent(self, key_images: Sequence[str]) -> tuple[KeyImageStatus, ...]: ...


def note_images(journal: Journal, escrow_id: str, images: Collection[str]) -> None:
    """Remember which outputs a payout spends: the node can then be asked without any wallet."""
    journal.set_setting(_IMAGES + escrow_id, " ".join(sorted(images)))


def escrows_spent(journal: Journal, node: ImageNode) -> set[str]:
    """Open escrows whose outputs are spent in a block. One question for all of them."""
    closed = [state.value for state in CLOSED]
    found = journal.rows(
        "SELECT escrow_id, value FROM escrows JOIN settings ON name = ? || escrow_id"  # noqa: S608 — only placeholders are put in
        f" WHERE frozen IS NULL AND state NOT IN ({_places(closed)})",
        [_IMAGES, *closed],
    )
    owner = {image: str(escrow) for escrow, images in found for image in str(images).split()}
    images = list(owner)
    statuses = node.is_key_image_spent(images) if images else ()
    spent = zip(images, statuses, strict=True)
    return {owner[image] for image, status in spent if status is KeyImageStatus.SPENT_IN_CHAIN}


def tell_of_spent(desk: Desk, case: StoredCase) -> Say | None:
    """What this agent says of an escrow whose outputs are spent; None if the record knows.

    Where the state doesn't say which outcome that is, its human is told, and asks the others.
    """
    record, known = case.record, case.record.broadcasts
    ref = desk.book.assigned(case.escrow_id, record.attempt)
    if ref is None:
        return None
    found = desk.node.get_transactions(list(known), prune=True).found if known else ()
    if any(is_own_payout(record, one.txid, one.key_images) for one in found):
        return None
    spent_by = desk.wallets.spent_by(ref)
    told = tell_of_unknown(desk, case, spent_by)
    if told is None and not {txid for txid, _ in record.seen.values()}.intersection(spent_by):
        _alarm_once(desk.journal, case.escrow_id, " ".join(spent_by))
    return told


def escrows_by_files(journal: Journal) -> set[str]:
    """Escrows that went on by files, and aren't over here or not told to the coordinator."""
    closed = [state.value for state in CLOSED]
    found = journal.rows(
        f"SELECT escrow_id FROM escrows WHERE frozen = ? AND (state NOT IN ({_places(closed)})"  # noqa: S608 — only placeholders are put in
        " OR NOT EXISTS (SELECT 1 FROM settings WHERE name = ? || escrow_id))",
        [BY_FILES, *closed, _TOLD],
    )
    return {str(row[0]) for row in found}


def tell_of_files(desk: Desk, case: StoredCase) -> None:
    """Tell the coordinator of a payout made by files, once the own node has it in a block.

    Ten blocks end the escrow here, too. What doesn't go well is only noted: nothing may undo that it
    goes by files. It is said on the coordinator's copy of the record, which goes on from another
    message than this home's. So it stays out of this home's own record, and only its number is used
    up.
    Raises an ``Unavailable`` when it has to be tried again.
    """
    record, known = case.record, case.record.broadcasts
    found = desk.node.get_transactions(list(known), prune=True).found if known else ()
    mined = [
        one
        for one in found
        if one.height is not None and is_own_payout(record, one.txid, one.key_images)
    ]
    if not mined:
        return
    (payout, *_) = mined
    outcome = known[payout.txid]
    if payout.confirmations >= UNLOCK_DEPTH and is_open(record.state, outcome, by=Teller.CHAIN):
        desk.cases.observe(case.escrow_id, outcome)
    told = desk.journal.setting(_TOLD + case.escrow_id)
    try:
        if told is None and _has_heard(desk, case, payout.txid, outcome):
            desk.journal.set_setting(_TOLD + case.escrow_id, payout.txid)
    except (Refused, Tampered) as error:
        structlog.get_logger().warning("not_told", code=error.code)


def _has_heard(desk: Desk, case: StoredCase, txid: str, outcome: Event) -> bool:
    """Say it if the coordinator has not heard it from this party; whether it has now."""
    theirs = _fold(desk.coordinator.messages(case.escrow_id, after=0))
    if theirs is None:
        return False
    if (
        theirs.state in CLOSED
        or txid in theirs.broadcasts
        or theirs.seen.get(case.role) == (txid, outcome)
    ):
        return True
    head = theirs.heads.get(case.role)
    text = write_envelope(
        desk.identity,
        escrow_id=case.escrow_id,
        contract_id=theirs.contract_id,
        role=case.role,
        kind=Kind.PAYOUT_SEEN,
        seq=max(desk.journal.last_seq(case.escrow_id), head.seq if head else 0) + 1,
        prev=head.digest if head else None,
        body=write_seen(txid, outcome),
    )
    message = admit(theirs, text).message
    with desk.journal.commit():
        desk.journal.save_outgoing(message)
        desk.journal.answer(case.escrow_id, message.seq, refusal="not_by_files")
    desk.coordinator.post(case.escrow_id, text)
    return True


def _fold(messages: Collection[Forwarded]) -> Record | None:
    """The coordinator's copy of the record; None if it has none."""
    record = None
    for one in sorted(messages, key=lambda one: one.position):
        record = (open_record(one.text) if record is None else admit(record, one.text)).record
    return record


def _places(values: Collection[str]) -> str:
    return ",".join("?" * len(values))


def _alarm_once(journal: Journal, escrow_id: str, spent_by: str) -> None:
    if journal.setting(_UNRECORDED + escrow_id) == spent_by:
        return
    with journal.commit():
        journal.set_setting(_UNRECORDED + escrow_id, spent_by)
        advice = "Two parties paid it out without this record: ask the other two, and look at what "
        journal.alarm(
            escrow_id, None, Freeze(PayoutUnrecorded.code, advice + "your own wallet received.")
        )
