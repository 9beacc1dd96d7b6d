"""The wallet's part of a payout; each function works on the slot that has it open.

The order, each step of which was measured:

    both       catch up → export → store
    builder    catch up → import → build → describe and check
    co-signer  catch up → import → describe and check → sign → store → persist → submit

An export is good for one signature. A signature made twice with the same nonces can give the key
away, and that is what a wallet does which is killed after signing and before storing: so the
nonces are noted as spent, on the disk, before they are used, and only a fresh export clears that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from tripartite.agent.payouts import (
    PRIORITY,
    FeeLimit,
    PayoutPlan,
    dust_threshold,
    estimate_fee,
    expected,
    fee_limit,
)
from tripartite.agent.verification import check_payout, check_promise
from tripartite.agent.wallets.chain import catch_up
from tripartite.agent.wallets.notes import Nonces
from tripartite.agent.wallets.records import (
    BuiltPayout,
    CosignerBehind,
    MultisigInfoUnusable,
    NotOneTransaction,
    PayoutNotExact,
    PayoutOvertaken,
    RoundSpent,
    SignedPayout,
    WalletRef,
)
from tripartite.agent.wallets.slots import Slot
from tripartite.domain.deposits import MOST_OUTPUTS, DepositInTooManyParts
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.monero.errors import (
    NotEnoughMoney,
    NothingUnlocked,
    RpcAnswerUnreadable,
    RpcOutcomeUnknown,
    SubmitRejected,
)
from tripartite.monero.monerod import FeeEstimate, KeyImageStatus, Monerod
from tripartite.monero.signing import Built
from tripartite.monero.wallet_results import Output, Recipient

_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class _Purse:
    """What the wallet can spend, in piconero, which outputs that are, and for which fees.

    Outputs that aren't worth their fee are left out, as the wallet leaves them.
    """

    balance: int
    key_images: tuple[str, ...]
    estimate: int
    limit: FeeLimit


def export_info(slot: Slot, ref: WalletRef, node: Monerod) -> str:
    """Fresh info for the co-signer, good for one signature; stored before it leaves."""
    catch_up(slot, node)
    info = slot.rpc.export_multisig_info()
    slot.rpc.store()
    _note_nonces(slot, ref, Nonces.EXPORTED)
    return info


def build(
    slot: Slot, ref: WalletRef, node: Monerod, cosigner_info: str, plan: PayoutPlan
) -> BuiltPayout:
    """The transaction set that carries out the plan, described and checked."""
    _require_fresh_nonces(slot, ref)
    purse = _take_in(slot, node, cosigner_info, plan)
    with slot.heavy:
        built = _build_exactly(slot, ref, plan, purse)
        check_payout(slot.rpc.describe_transfer(built.txset), plan, purse.balance, purse.limit)
        slot.rpc.store()
    return BuiltPayout(built.txset, purse.key_images)


def cosign(
    slot: Slot,
    ref: WalletRef,
    node: Monerod,
    *,
    builder_info: str,
    txset: str,
    plan: PayoutPlan,
    on_signed: Callable[[SignedPayout], None],
) -> SignedPayout:
    """Check, sign and submit what the other party built."""
    _require_fresh_nonces(slot, ref)
    purse = _take_in(slot, node, builder_info, plan)
    with slot.heavy:
        description = slot.rpc.describe_transfer(txset)
        check_payout(description, plan, purse.balance, purse.limit)
        check_promise(plan, purse.key_images)
        _note_nonces(slot, ref, Nonces.SPENT, durable=True)
        signed = slot.rpc.sign_multisig(txset)
        slot.rpc.store()
    (txid,) = _one_id(signed.txids)
    payout = SignedPayout(signed.txset, txid, description.fee)
    on_signed(payout)
    submit(slot, node, payout.txset)
    return replace(payout, tx_hex=raw_transaction(node, txid))


def submit(slot: Slot, node: Monerod, txset: str) -> str:
    """Send a signed set; its transaction id. The same set again changes nothing.

    Raises PayoutOvertaken if the money is spent by another transaction, else SubmitRejected.
    """
    try:
        (txid,) = _one_id(slot.rpc.submit_multisig(txset))
    except SubmitRejected as error:
        # The wallet gives no reason; the node knows whether something came first.
        images = [one.key_image for one in slot.rpc.incoming_transfers() if one.key_image]
        statuses = node.is_key_image_spent(images) if images else ()
        if any(status is not KeyImageStatus.UNSPENT for status in statuses):
            raise PayoutOvertaken(
                "Look at the escrow's record: another payout was made.", outputs=len(images)
            ) from error
        raise
    return txid


def raw_transaction(node: Monerod, txid: str) -> str | None:
    """The transaction (hex) as the node has it; None if it can't show it just now."""
    with suppress(Unavailable):
        for one in node.get_transactions([txid]).found:
            return one.blob or None
    return None


def _take_in(slot: Slot, node: Monerod, info: str, plan: PayoutPlan) -> _Purse:
    """Import the co-signer's info and see that it covers everything there is to spend."""
    catch_up(slot, node)
    covered = slot.rpc.import_multisig_info([info])
    outputs = slot.rpc.incoming_transfers()
    if covered < len(outputs):
        raise CosignerBehind(
            "Ask the co-signer to export again: its wallet has not seen every deposit.",
            covered=covered,
            outputs=len(outputs),
        )
    if slot.rpc.get_balance().multisig_import_needed:
        raise MultisigInfoUnusable("Start the payout again with fresh exports of both signers.")
    return _count(outputs, node.get_fee_estimate(), plan)


def _count(outputs: Sequence[Output], fees: FeeEstimate, plan: PayoutPlan) -> _Purse:
    """What can be spent, and the fees we accept: by our own wallet's and our own node's word.

    The fee isn't found by a trial transaction, which would void the nonces that the builder
    relies on.
    """
    # One rate per priority from 1 on since hard fork 15; before there was only the usual one.
    rates = fees.by_priority
    per_byte = rates[PRIORITY - 1] if len(rates) >= PRIORITY else fees.per_byte
    usable = [
        one
        for one in outputs
        if one.unlocked and not one.spent and not one.frozen
        and one.amount >= dust_threshold(per_byte)
    ]  # fmt: skip
    if not usable:
        raise NothingUnlocked("Wait for ten confirmations.")
    if len(usable) > MOST_OUTPUTS:
        raise DepositInTooManyParts(
            f"One transaction spends at most about {MOST_OUTPUTS} outputs; there are {len(usable)}. "
            "See docs/guides/party.md.",
            outputs=len(usable),
        )
    balance = sum(one.amount for one in usable)
    recipients = plan.recipients(balance)
    estimate = estimate_fee(
        per_byte, fees.quantization_mask, inputs=len(usable), recipients=recipients
    )
    images = tuple(sorted(one.key_image for one in usable))
    return _Purse(balance, images, estimate, fee_limit(plan.network, estimate))


def _build_exactly(slot: Slot, ref: WalletRef, plan: PayoutPlan, purse: _Purse) -> Built:
    """A transaction that leaves nothing behind.

    wallet-rpc of this version can't take the fee from what is sent, so the amounts have to fit the
    fee that it will ask for. Our estimate is what version 0.18.0.0 asks, to the piconero. Where it
    isn't: a fee too high leaves change and tells the right fee, one too low is refused.
    """
    fee = purse.estimate
    for _ in range(_ROUNDS):
        due = expected(plan, purse.balance, min(fee, purse.balance))
        if not due:
            raise NothingUnlocked("The fee would eat everything: wait for lower fees.")
        try:
            built = _transfer(slot, ref, due)
        except (NotEnoughMoney, NothingUnlocked):
            fee += max(fee // 50, 1)
            continue
        if built.fees == (fee,) and sum(built.amounts) == purse.balance - fee:
            return built
        fee = built.fees[0]
    raise PayoutNotExact("Start the payout again; the network's fees are changing just now.")


def _transfer(slot: Slot, ref: WalletRef, due: dict[str, int]) -> Built:
    """Never sent by the wallet: it lacks the second signature, and is told not to besides."""
    note = slot.notebook.read(ref.name)
    _note_nonces(slot, ref, Nonces.SPENT, durable=note.nonces is not Nonces.SPENT)
    try:
        return slot.rpc.transfer(
            [Recipient(to, amount) for to, amount in due.items()],
            priority=PRIORITY,
            do_not_relay=True,
        )
    except (RpcOutcomeUnknown, RpcAnswerUnreadable):
        raise
    except TripartiteError:
        # It built nothing, so nothing is used up.
        slot.notebook.write(ref.name, note)
        raise


def _require_fresh_nonces(slot: Slot, ref: WalletRef) -> None:
    nonces = slot.notebook.read(ref.name).nonces
    if nonces is not Nonces.EXPORTED:
        raise RoundSpent(
            "Export afresh, send that to the other signer and start the round again.",
            nonces=nonces.value,
        )


def _note_nonces(slot: Slot, ref: WalletRef, nonces: Nonces, *, durable: bool = False) -> None:
    note = slot.notebook.read(ref.name)
    slot.notebook.write(ref.name, replace(note, nonces=nonces), durable=durable)


def _one_id(txids: tuple[str, ...]) -> tuple[str]:
    if len(txids) != 1:
        raise NotOneTransaction(
            "Start the payout again; the wallet made something else than one transaction.",
            transactions=len(txids),
        )
    return (txids[0],)
