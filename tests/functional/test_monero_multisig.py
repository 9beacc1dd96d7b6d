"""Three wallets share one address; two of them spend from it, through our clients alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.functional.daemons import NOBODY, PASSWORD, Wallets, chain, node, refreshed, wallets
from tripartite.domain.money import ATOMIC
from tripartite.monero.errors import (
    AlreadySigned,
    BadMultisigInfo,
    BadTxset,
    KeyExchangeFinished,
    KeyExchangeTooFew,
    KeyExchangeWrongRound,
    NotEnoughSigners,
    NothingUnlocked,
    SubmitRejected,
    WalletAlreadyMultisig,
)
from tripartite.monero.monerod import KeyImageStatus, Monerod, RejectReason
from tripartite.monero.signing import Built, SigningWallet
from tripartite.monero.wallet_results import Recipient

__all__ = ["chain", "node", "wallets"]  # fixtures, used by name

DEPOSIT = 5 * ATOMIC


@dataclass
class Deal:
    """A 2-of-3 wallet with an unlocked deposit in it."""

    chain: Monerod
    buyer: SigningWallet
    vendor: SigningWallet
    arbiter: SigningWallet
    payer: SigningWallet
    address: str
    deposit_txid: str

    def synced(self) -> None:
        """Everybody has seen the chain, and buyer and vendor exchanged fresh infos."""
        infos = {}
        for name, wallet in (("buyer", self.buyer), ("vendor", self.vendor)):
            infos[name] = refreshed(wallet, self.chain).export_multisig_info()
            wallet.store()
        assert self.buyer.import_multisig_info([infos["vendor"]]) >= 1
        assert self.vendor.import_multisig_info([infos["buyer"]]) >= 1
        assert not self.buyer.get_balance().multisig_import_needed

    def proposal(self, to: str) -> Built:
        self.synced()
        return self.buyer.sweep_all(to)


@pytest.fixture(scope="module")
def deal(wallets: Wallets, chain: Monerod) -> Deal:
    # Two at a time: opening makes keys, and more at once than cores would only slow each other.
    with ThreadPoolExecutor(2) as pool:
        payer, *trio = pool.map(wallets.opened, ("payer", "buyer", "vendor", "arbiter"))

    firsts = [wallet.prepare_multisig() for wallet in trio]
    steps = [
        wallet.make_multisig(firsts[:at] + firsts[at + 1 :], PASSWORD)
        for at, wallet in enumerate(trio)
    ]
    with pytest.raises(WalletAlreadyMultisig):
        trio[0].make_multisig(firsts[1:], PASSWORD)
    with pytest.raises(KeyExchangeTooFew):
        trio[0].exchange_multisig_keys([steps[1].message], PASSWORD)
    before = steps
    for _ in range(2):
        before, steps = steps, []
        for at, wallet in enumerate(trio):
            others = [step.message for step in before[:at] + before[at + 1 :]]
            steps.append(wallet.exchange_multisig_keys(others, PASSWORD))
            wallet.store()
        if not trio[0].is_multisig().ready:
            with pytest.raises(KeyExchangeWrongRound):
                trio[0].exchange_multisig_keys([step.message for step in before[1:]], PASSWORD)
    with pytest.raises(KeyExchangeFinished):
        trio[0].exchange_multisig_keys([step.message for step in before[1:]], PASSWORD)

    statuses = [wallet.is_multisig() for wallet in trio]
    assert {(one.ready, one.threshold, one.total) for one in statuses} == {(True, 2, 3)}
    (address,) = {wallet.get_address() for wallet in trio}

    # A reward can be spent after 60 blocks, and a payment hides among 15 older outputs.
    chain.generate_blocks(80, payer.get_address())
    paid = refreshed(payer, chain).transfer([Recipient(address, DEPOSIT)])
    assert chain.get_pool() == frozenset(paid.txids)
    in_pool = refreshed(trio[0], chain).get_transfers().pool
    assert [(one.txid, one.amounts, one.unlock_time) for one in in_pool] == [
        (paid.txids[0], (DEPOSIT,), 0)
    ]
    chain.generate_blocks(1, payer.get_address())
    refreshed(trio[0], chain)
    with pytest.raises(NothingUnlocked):
        trio[0].sweep_all(payer.get_address())
    chain.generate_blocks(10, payer.get_address())
    for wallet in trio:
        balance = refreshed(wallet, chain).get_balance()
        assert (balance.total, balance.unlocked) == (DEPOSIT, DEPOSIT)
    return Deal(chain, trio[0], trio[1], trio[2], payer, address, paid.txids[0])


def test_a_deposit_is_seen_by_every_wallet_and_by_the_node(deal: Deal) -> None:
    for wallet in (deal.buyer, deal.vendor, deal.arbiter):
        (seen,) = wallet.get_transfers().incoming
        assert (seen.txid, seen.amount, seen.kind) == (deal.deposit_txid, DEPOSIT, "in")
        assert (seen.locked, seen.double_spend_seen) == (False, False)
        assert seen.confirmations == 11
        (output,) = wallet.incoming_transfers()
        assert (output.amount, output.unlocked, output.spent) == (DEPOSIT, True, False)
        assert wallet.get_transfer_by_txid(deal.deposit_txid) == (seen,)
    found = deal.chain.get_transactions([deal.deposit_txid, "ab" * 32])
    (known,) = found.found
    assert (known.in_pool, known.confirmations) == (False, 11)
    assert found.missed == ("ab" * 32,)


def test_junk_is_refused_by_name(deal: Deal) -> None:
    with pytest.raises(BadMultisigInfo):
        deal.vendor.import_multisig_info(["00" * 100])
    with pytest.raises(BadMultisigInfo):
        deal.vendor.import_multisig_info(["not hexadecimal"])
    with pytest.raises(BadTxset):
        deal.vendor.describe_transfer("00" * 100)
    with pytest.raises(BadTxset):
        deal.vendor.sign_multisig("00" * 100)
    with pytest.raises(BadTxset):
        deal.vendor.sign_multisig("not hexadecimal")


def test_a_split_is_built_and_described_to_the_last_piconero(deal: Deal) -> None:
    to_vendor, to_buyer = deal.payer.get_address(), deal.address
    deal.synced()
    trial = deal.buyer.transfer(
        [Recipient(to_vendor, DEPOSIT // 4), Recipient(to_buyer, DEPOSIT // 4)]
    )
    share = (DEPOSIT - trial.fees[0]) // 2
    rest = DEPOSIT - trial.fees[0] - share
    split = deal.buyer.transfer([Recipient(to_vendor, share), Recipient(to_buyer, rest)])
    described = deal.vendor.describe_transfer(split.txset)
    assert described.amount_in == DEPOSIT == described.amount_out + described.fee
    assert described.change_amount == 0
    assert Recipient(to_vendor, share) in described.recipients


def test_two_of_three_pay_out_and_the_node_confirms_it(deal: Deal) -> None:
    vendors_own = deal.payer.get_address()
    built = deal.proposal(vendors_own)
    (fee,) = built.fees
    assert built.amounts == (DEPOSIT - fee,)

    described = deal.vendor.describe_transfer(built.txset)
    (only,) = described.transactions
    assert only.recipients == (Recipient(vendors_own, DEPOSIT - fee),)
    assert (only.amount_in, only.fee, only.change_amount) == (DEPOSIT, fee, 0)
    assert (only.unlock_time, only.payment_id.strip("0")) == (0, "")

    with pytest.raises(NotEnoughSigners):
        deal.buyer.submit_multisig(built.txset)
    with pytest.raises(AlreadySigned):
        deal.buyer.sign_multisig(built.txset)
    signed = deal.vendor.sign_multisig(built.txset)
    deal.vendor.store()
    key_images = built.key_images[0]
    assert deal.chain.is_key_image_spent(key_images) == (KeyImageStatus.UNSPENT,)

    (txid,) = deal.vendor.submit_multisig(signed.txset)
    assert signed.txids == (txid,)
    assert deal.buyer.submit_multisig(signed.txset) == (txid,), "submitting again changes nothing"
    assert deal.chain.is_key_image_spent(key_images) == (KeyImageStatus.SPENT_IN_POOL,)
    (known,) = deal.chain.get_transactions([txid]).found
    assert (known.in_pool, known.height, known.confirmations) == (True, None, 0)

    # Lost by the node, and sent again without any wallet.
    deal.chain.flush_txpool([txid])
    assert deal.chain.get_transactions([txid]).missed == (txid,)
    assert deal.chain.send_raw_transaction(known.blob).accepted

    deal.chain.generate_blocks(10, vendors_own)
    (known,) = deal.chain.get_transactions([txid]).found
    assert (known.in_pool, known.confirmations) == (False, 10)
    assert deal.chain.is_key_image_spent(key_images) == (KeyImageStatus.SPENT_IN_CHAIN,)
    assert refreshed(deal.buyer, deal.chain).get_balance().total == 0
    # A wallet that took no part knows no key image, so it can't see that the money is gone.
    idle = refreshed(deal.arbiter, deal.chain).get_balance()
    assert (idle.total, idle.multisig_import_needed) == (DEPOSIT, True)

    # A reorganisation takes it out of the chain and back into the pool.
    deal.chain.pop_blocks(10)
    (known,) = deal.chain.get_transactions([txid]).found
    assert known.in_pool
    deal.chain.generate_blocks(10, vendors_own)
    assert deal.chain.get_transactions([txid]).found[0].confirmations == 10


def test_a_second_payout_of_the_same_money_is_rejected(deal: Deal) -> None:
    payer, chain = deal.payer, deal.chain
    refreshed(payer, chain).transfer([Recipient(deal.address, DEPOSIT)])
    chain.generate_blocks(10, payer.get_address())
    first = deal.proposal(payer.get_address())
    signed_first = deal.vendor.sign_multisig(first.txset)
    second = deal.proposal(payer.get_address())
    signed_second = deal.vendor.sign_multisig(second.txset)
    deal.vendor.submit_multisig(signed_second.txset)
    with pytest.raises(SubmitRejected):
        deal.buyer.submit_multisig(signed_first.txset)


def test_a_node_says_why_it_takes_no_transaction(deal: Deal) -> None:
    unread = deal.chain.send_raw_transaction("00" * 50)
    assert (unread.accepted, unread.reasons) == (
        False,
        frozenset({RejectReason.SANITY_CHECK_FAILED}),
    )

    # Each needs more than half of the payer's money, so they share an output.
    unlocked = refreshed(deal.payer, deal.chain).get_balance().unlocked
    here, there = (
        deal.payer.transfer([Recipient(to, unlocked * 6 // 10)], do_not_relay=True, get_tx_hex=True)
        for to in (deal.address, NOBODY)
    )
    first = deal.chain.send_raw_transaction(here.blobs[0])
    assert (first.accepted, first.reasons) == (True, frozenset())
    second = deal.chain.send_raw_transaction(there.blobs[0])
    assert (second.accepted, second.relayed) == (False, False)
    assert RejectReason.DOUBLE_SPEND in second.reasons


def test_a_node_does_not_mind_being_sent_what_is_mined(deal: Deal) -> None:
    (mined,) = deal.chain.get_transactions([deal.deposit_txid]).found
    again = deal.chain.send_raw_transaction(mined.blob)
    assert (again.accepted, again.relayed) == (True, False)
