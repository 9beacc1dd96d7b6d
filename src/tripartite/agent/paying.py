"""This agent's part in a payout: export, build, or check and sign.

An export is good for one signature. After any doubt (a restart of this process, a lost answer) the
round is thrown away and both signers export afresh; a nonce used twice can give the key away. A
signed payout is stored before it is submitted, and from then on only that one is submitted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from tripartite.agent.authority import require_consent, waits_for_person
from tripartite.agent.broadcasts import tell_of_unknown
from tripartite.agent.desk import Desk, Later, Outcome
from tripartite.agent.examining import note_trouble
from tripartite.agent.journal import Freeze, StoredCase
from tripartite.agent.payouts import Move, PayoutPlan
from tripartite.agent.ports import Boundary
from tripartite.agent.speaking import Say
from tripartite.agent.succession import require_destination
from tripartite.agent.telling import note_images
from tripartite.agent.verification import PayoutRefused
from tripartite.agent.wallet_book import Phase
from tripartite.agent.wallets.records import PayoutOvertaken, SignedPayout, WalletRef
from tripartite.domain.errors import Refused, Tampered, Unavailable
from tripartite.domain.settlement import Recipient
from tripartite.monero.errors import NothingUnlocked, SubmitRejected
from tripartite.protocol.bodies import write_txset
from tripartite.protocol.envelope import Kind
from tripartite.protocol.record import (
    PAYOUT_BROADCAST_ROUND,
    PAYOUT_INFO_ROUND,
    PAYOUT_TXSET_ROUND,
    Payout,
)

_LONGEST_DOUBLING = 16


class EscrowWalletMissing(Refused):
    """This agent has no wallet for an escrow that it takes part in."""

    code: ClassVar[str] = "escrow_wallet_missing"


class AddressNotOwn(Tampered):
    """The address on record isn't the one that this agent's own wallet shows."""

    code: ClassVar[str] = "address_not_own"


class _Step(IntEnum):
    EXPORT = 1
    BUILD = 2
    SIGN = 3


def export_info(desk: Desk, case: StoredCase, attempt: int) -> Outcome:
    """Give the other signer fresh multisig data. Exporting again voids what was exported before."""
    ref = escrow_wallet(desk, case)
    desk.book.start(case.escrow_id, Phase.PAYOUT, attempt, _Step.EXPORT)
    info = desk.wallets.export_info(ref)
    body = desk.seal(
        case, Kind.PAYOUT_INFO, "multisig_info", info, attempt=attempt, round_=PAYOUT_INFO_ROUND
    )
    return Say(
        Kind.PAYOUT_INFO,
        body,
        attempt,
        PAYOUT_INFO_ROUND,
        also=lambda: desk.book.finish(case.escrow_id, Phase.PAYOUT, attempt, _Step.EXPORT),
    )


def build_payout(desk: Desk, case: StoredCase, attempt: int) -> Outcome:
    """Build what the signed terms ask for, and nothing else."""
    payout = _payout(case)
    require_consent(desk.journal, case)
    if (doubt := _doubt(desk, case, attempt, _Step.BUILD)) is not None:
        return doubt
    ref, plan = escrow_wallet(desk, case), payout_plan(desk, case)
    info = desk.unseal(case, payout.said[PAYOUT_INFO_ROUND, payout.cosigner], "multisig_info")
    _begin(desk, case, attempt, _Step.BUILD)
    try:
        built = desk.wallets.build(ref, info, plan)
    except (PayoutRefused, Refused, Unavailable) as error:
        return _again(desk, case, attempt, error)
    desk.at(Boundary.WALLET_ANSWERED)
    note_images(desk.journal, case.escrow_id, built.key_images)
    body = desk.seal(
        case, Kind.PAYOUT_TXSET, "txset", built.txset, attempt=attempt, round_=PAYOUT_TXSET_ROUND
    )
    return Say(
        Kind.PAYOUT_TXSET,
        write_txset(body, built.key_images),
        attempt,
        PAYOUT_TXSET_ROUND,
        also=lambda: desk.book.finish(case.escrow_id, Phase.PAYOUT, attempt, _Step.BUILD),
    )


def cosign_payout(desk: Desk, case: StoredCase, attempt: int) -> Outcome:
    """Check what the other built, sign it, store it, submit it.

    Raises ``PayoutRefused`` if it isn't the payout that was agreed: nothing is signed then.
    """
    if waits_for_person(desk.journal, case):
        return None
    ref = escrow_wallet(desk, case)
    saved = desk.book.payout(case.escrow_id, attempt)
    if saved is not None:
        _resubmit(desk, ref, saved)
        return _broadcast(desk, case, attempt, saved)
    if (doubt := _doubt(desk, case, attempt, _Step.SIGN)) is not None:
        return doubt
    payout, plan = _payout(case), payout_plan(desk, case)
    require_consent(desk.journal, case)
    info = desk.unseal(case, payout.said[PAYOUT_INFO_ROUND, payout.builder], "multisig_info")
    txset = desk.unseal(case, payout.said[PAYOUT_TXSET_ROUND, payout.builder], "txset")

    def store(signed: SignedPayout) -> None:
        desk.book.save_payout(case.escrow_id, attempt, signed)
        desk.at(Boundary.SIGNED)

    _begin(desk, case, attempt, _Step.SIGN)
    try:
        signed = desk.wallets.cosign(ref, info, txset, plan, store)
    except (PayoutRefused, Refused, Unavailable) as error:
        return _again(desk, case, attempt, error)
    note_images(desk.journal, case.escrow_id, payout.key_images)
    desk.at(Boundary.WALLET_ANSWERED)
    return _broadcast(desk, case, attempt, signed)


def escrow_wallet(desk: Desk, case: StoredCase) -> WalletRef:
    """The wallet that shows the address on record.

    Raises ``EscrowWalletMissing``, ``AddressNotOwn``.
    """
    attempt = case.record.attempt
    ref = desk.book.assigned(case.escrow_id, attempt)
    if ref is None:
        raise EscrowWalletMissing("Restore this agent's home with its wallets from a backup.")
    if desk.book.address(case.escrow_id, attempt) != case.record.address:
        raise AddressNotOwn("Nobody may pay to this address. Tell the other parties in person.")
    return ref


def payout_plan(desk: Desk, case: StoredCase) -> PayoutPlan:
    """What the signed terms and the signed decision ask for.

    A move is judged here again, by what this agent itself knows of the new escrow: raises what
    ``require_destination`` raises.
    """
    payout, terms = _payout(case), case.record.agreement.terms
    move = None
    if payout.successor is not None:
        to = require_destination(desk.journal, desk.identity, case.record, payout.successor)
        move = Move(to.successor.address, to.record.agreement.terms.amount_due)
    addresses = {
        Recipient(role.value): part.address.text for role, part in desk.details(case).items()
    }
    if terms.platform_address is not None:
        addresses[Recipient.PLATFORM] = terms.platform_address
    if case.record.address is None:
        raise AddressNotOwn("There is no attested address to pay from.")
    return PayoutPlan(
        network=terms.network,
        addresses=addresses,
        multisig_address=case.record.address,
        amount=terms.amount,
        fees=terms.fees,
        event=payout.event,
        vendor_share=payout.vendor_share,
        vendor_bps=payout.vendor_bps,
        move=move,
        key_images=payout.key_images or None,
    )


def _resubmit(desk: Desk, ref: WalletRef, saved: SignedPayout) -> None:
    """Idempotent: the same set again gives the same transaction (MONERO.md, Signing 7).

    All the same a node that was ended after it took it, and has just started again, may refuse it
    once more: then it has it. Raises as ``Wallets.resubmit`` does.
    """
    try:
        desk.wallets.resubmit(ref, saved.txset)
    except (PayoutOvertaken, SubmitRejected):
        if not desk.node.get_transactions([saved.txid], prune=True).found:
            raise


def _broadcast(desk: Desk, case: StoredCase, attempt: int, signed: SignedPayout) -> Outcome:
    blob = signed.tx_hex
    if blob is None:
        found = desk.node.get_transactions([signed.txid]).found
        blob = found[0].blob if found else None
    if not blob:
        return Later(desk.pace.first_retry)
    whole = SignedPayout(signed.txset, signed.txid, signed.fee, blob)

    def store() -> None:
        desk.book.save_payout(case.escrow_id, attempt, whole)
        desk.book.finish(case.escrow_id, Phase.PAYOUT, attempt, _Step.SIGN)

    body = {"txid": whole.txid, "tx": blob}
    return Say(Kind.PAYOUT_BROADCAST, body, attempt, PAYOUT_BROADCAST_ROUND, also=store)


def _doubt(desk: Desk, case: StoredCase, attempt: int, step: _Step) -> Say | None:
    """Why this round must be thrown away; None if it is clean."""
    exported = desk.book.mark(case.escrow_id, Phase.PAYOUT, attempt, _Step.EXPORT)
    reason = None
    if exported is None or exported.run_id != desk.book.run_id:
        reason = "export_of_earlier_run"
    elif desk.book.mark(case.escrow_id, Phase.PAYOUT, attempt, step) is not None:
        reason = "payout_in_doubt"
    return None if reason is None else Say(Kind.PAYOUT_RESTART, {"reason": reason}, attempt)


def _begin(desk: Desk, case: StoredCase, attempt: int, step: _Step) -> None:
    desk.book.start(case.escrow_id, Phase.PAYOUT, attempt, step)
    desk.at(Boundary.MARKED)


def _again(
    desk: Desk, case: StoredCase, attempt: int, error: PayoutRefused | Refused | Unavailable
) -> Outcome:
    """Wait, longer each time; the mark then says that the round is in doubt, and it starts anew.

    Unless the money is gone already, by a payout that the record doesn't know: then tell of it.
    """
    note_trouble(desk.journal, case.escrow_id, error.code)
    if isinstance(error, PayoutRefused) and not error.restart_helps:
        raise error
    if isinstance(error, NothingUnlocked | PayoutOvertaken):
        spent_by = desk.wallets.spent_by(escrow_wallet(desk, case))
        told = tell_of_unknown(desk, case, spent_by)
        if told is not None:
            return told
    if not isinstance(error, Unavailable):
        # A fresh round may settle it. If it doesn't, somebody lies, and a person should know.
        desk.journal.alarm(case.escrow_id, None, Freeze(error.code, error.detail))
    doubled = desk.pace.first_retry * 2 ** min(attempt - 1, _LONGEST_DOUBLING)
    return Later(min(doubled, desk.pace.longest_retry))


def _payout(case: StoredCase) -> Payout:
    assert case.record.payout is not None
    return case.record.payout
