"""The coordinator is gone for good; two parties finish by handing files to each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.agent.market import TXID, Market, Trader
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.decisions import Decision
from tripartite.agent.journal import Freeze
from tripartite.agent.offline.bundles import (
    Bundle,
    BundleExists,
    BundleMalformed,
    BundleOfAnotherEscrow,
    BundleOld,
    BundleOwn,
    read_bundle,
    write_bundle,
)
from tripartite.agent.offline.settling import Standing, begin, carry_on, make_desk
from tripartite.agent.offline.taking import BY_FILES, EscrowFrozen, own_copy, take_in, take_over
from tripartite.agent.own_words import OwnWordsForged
from tripartite.agent.wallets.records import CosignerBehind
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, write_envelope
from tripartite.protocol.merging import Copy, NumberUsedTwice, RecordsDiffer


def copy_of(trader: Trader) -> Copy:
    case = trader.opened.journal.case(ESCROW_ID)
    assert case is not None
    return own_copy(trader.opened.journal, case)


def go_on(trader: Trader, *heard: Trader, run_id: str = "files-1") -> Standing:
    """``tripartite settle`` with the files of others, in a process that ends in order."""
    bundles = [Bundle(ESCROW_ID, copy_of(other)) for other in heard]
    taken = begin(trader.opened.journal, ESCROW_ID, bundles)
    desk = make_desk(trader.opened, run_id, trader.node, trader.wallets)
    return carry_on(desk, ESCROW_ID, taken, sleep=lambda _: None)


@pytest.fixture
def orphaned(market: Market) -> Market:
    """A funded escrow whose coordinator will never answer again."""
    market.fund()
    market.coordinator.texts.clear()
    return market


def test_buyer_and_vendor_release_by_four_files(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)

    consent = go_on(buyer)
    assert consent.said[-2:] == ("release", "payout_info")
    assert consent.for_whom is Role.VENDOR

    info = go_on(vendor, buyer)
    assert (info.said[-1], info.for_whom) == ("payout_info", Role.BUYER)

    built = go_on(buyer, vendor)
    assert (built.said[-1], built.for_whom) == ("payout_txset", Role.VENDOR)

    paid = go_on(vendor, buyer)
    assert (paid.said[-1], paid.txid) == ("payout_broadcast", TXID)
    assert go_on(buyer, vendor).case.record == paid.case.record


def test_ten_confirmations_end_it_for_whoever_looks(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    go_on(vendor, buyer)
    go_on(buyer, vendor)
    go_on(vendor, buyer)

    vendor.node.confirmations = 10

    assert go_on(vendor).case.record.state is State.COMPLETED


def test_the_vendor_refunds_by_files(orphaned: Market) -> None:
    orphaned.vendor.decide(Decision.REFUND)

    go_on(orphaned.vendor)
    go_on(orphaned.buyer, orphaned.vendor)
    go_on(orphaned.vendor, orphaned.buyer)
    paid = go_on(orphaned.buyer, orphaned.vendor)

    assert paid.case.record.state is State.REFUNDING
    assert paid.txid == TXID


def test_the_same_file_again_is_refused(orphaned: Market) -> None:
    orphaned.buyer.decide(Decision.RELEASE)
    go_on(orphaned.buyer)
    go_on(orphaned.vendor, orphaned.buyer)

    with pytest.raises(BundleOld):
        go_on(orphaned.vendor, orphaned.buyer)


def test_files_of_others_and_of_oneself_are_refused(orphaned: Market) -> None:
    go_on(orphaned.buyer)
    case = orphaned.buyer.case

    with pytest.raises(BundleOwn):
        go_on(orphaned.buyer, orphaned.buyer)
    with pytest.raises(BundleOfAnotherEscrow):
        take_in(orphaned.buyer.opened.journal, case, Bundle("ab" * 16, copy_of(orphaned.vendor)))


def test_a_round_whose_process_died_is_thrown_away(orphaned: Market) -> None:
    """Nonces of a wallet that wasn't closed in order are never used: both export afresh."""
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    go_on(vendor, buyer)

    again = go_on(buyer, vendor, run_id="files-2")

    assert again.said[-2:] == ("payout_restart", "payout_info")
    assert "build" not in buyer.wallets.calls
    go_on(vendor, buyer)
    go_on(buyer, vendor, run_id="files-2")
    assert go_on(vendor, buyer).txid == TXID


def test_what_cannot_be_built_now_is_tried_anew_and_then_said(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    go_on(vendor, buyer)
    buyer.wallets.trouble["build"] = [CosignerBehind("The deposit is missing.")]

    again = go_on(buyer, vendor)

    assert again.said[-2:] == ("payout_restart", "payout_info")
    assert again.for_whom is Role.VENDOR


def test_a_round_that_fails_again_and_again_ends_in_words(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    vendor.wallets.trouble["export_info"] = [CosignerBehind("Its node is behind.")]

    with pytest.raises(CosignerBehind):
        go_on(vendor, buyer)
    # The file was taken in: it isn't wanted again.
    assert go_on(vendor).said[-1] == "payout_info"


def test_the_running_agent_leaves_the_escrow_alone(orphaned: Market) -> None:
    """A coordinator that comes back after all must not make two records of one escrow."""
    orphaned.buyer.decide(Decision.RELEASE)
    go_on(orphaned.buyer)
    orphaned.buyer.restart()
    said = len(orphaned.coordinator.received)

    orphaned.buyer.work()

    assert len(orphaned.coordinator.received) == said
    assert orphaned.buyer.case.frozen is not None
    assert orphaned.buyer.case.frozen.code == BY_FILES


def test_a_frozen_escrow_goes_by_files_only_after_a_look(orphaned: Market) -> None:
    journal = orphaned.buyer.opened.journal
    journal.freeze(ESCROW_ID, Freeze("position_rewritten", "It showed another message."))
    case = journal.case(ESCROW_ID)
    assert case is not None

    with pytest.raises(EscrowFrozen):
        take_over(journal, case)
    take_over(journal, case, despite="position_rewritten")


def test_two_consents_that_cross_end_in_one_record(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    buyer.decide(Decision.RELEASE)
    vendor.decide(Decision.REFUND)
    go_on(buyer)
    go_on(vendor)
    theirs = Bundle(ESCROW_ID, copy_of(buyer))

    taken = begin(vendor.opened.journal, ESCROW_ID, [theirs])
    desk = make_desk(vendor.opened, "files-1", vendor.node, vendor.wallets)
    standing = carry_on(desk, ESCROW_ID, taken, sleep=lambda _: None)

    assert standing.case.record.state is State.RELEASING
    assert standing.said[-1] == "payout_info"
    assert "move_not_open" in [code for code, _ in standing.set_aside]
    go_on(buyer, vendor)
    assert go_on(vendor, buyer).txid == TXID


def test_a_coordinator_that_told_two_histories_is_found_out(orphaned: Market) -> None:
    mine = copy_of(orphaned.vendor)
    swapped = (*mine.texts[:-2], mine.texts[-1], mine.texts[-2])

    with pytest.raises(RecordsDiffer):
        begin(
            orphaned.vendor.opened.journal,
            ESCROW_ID,
            [Bundle(ESCROW_ID, Copy(Role.BUYER, len(swapped), swapped))],
        )
    # Nothing was stored: the running agent may go on if the coordinator is there after all.
    assert orphaned.vendor.case.frozen is None


def test_somebody_with_our_key_is_found_out(orphaned: Market) -> None:
    """The other party shows a word of ours that this home never wrote."""
    buyer = orphaned.buyer
    go_on(buyer)
    buyer.decide(Decision.RELEASE)
    thief = make_desk(buyer.opened, "files-1", buyer.node, buyer.wallets)
    before = copy_of(buyer)
    carry_on(thief, ESCROW_ID, sleep=lambda _: None)
    stolen = copy_of(buyer)
    journal = buyer.opened.journal
    with journal.commit():
        journal.write("DELETE FROM outbox WHERE kind IN ('release', 'payout_info')")
        journal.write("DELETE FROM messages WHERE position > ?", (len(before.texts),))

    with pytest.raises(OwnWordsForged):
        take_in(
            journal,
            buyer.case,
            Bundle(ESCROW_ID, Copy(Role.VENDOR, before.carried, stolen.texts)),
        )


def test_a_bundle_survives_its_file_and_is_never_written_over(
    orphaned: Market, tmp_path: Path
) -> None:
    bundle = Bundle(ESCROW_ID, copy_of(orphaned.buyer))
    write_bundle(tmp_path / "file", bundle)

    assert read_bundle(tmp_path / "file") == bundle
    with pytest.raises(BundleExists):
        write_bundle(tmp_path / "file", bundle)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"tripartite": "record"}',
        json.dumps(
            {
                "tripartite": "record",
                "version": 1,
                "escrow_id": ESCROW_ID,
                "from": "buyer",
                "carried": 3,
                "messages": ["a", "b"],
            }
        ),
        json.dumps(
            {
                "tripartite": "record",
                "version": 1,
                "escrow_id": ESCROW_ID,
                "from": "buyer",
                "carried": 1,
                "messages": ["a", 2],
            }
        ),
    ],
)
def test_what_is_no_bundle_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(content)

    with pytest.raises(BundleMalformed):
        read_bundle(tmp_path / "file")
    with pytest.raises(BundleMalformed):
        read_bundle(tmp_path / "absent")


def test_a_liar_cannot_say_two_things_with_one_number(orphaned: Market) -> None:
    buyer, vendor = orphaned.buyer, orphaned.vendor
    go_on(vendor)
    mine = copy_of(buyer)
    case = buyer.case
    head = case.record.heads[Role.BUYER]

    def say(kind: Kind) -> str:
        return write_envelope(
            buyer.opened.identity,
            escrow_id=ESCROW_ID,
            contract_id=case.record.contract_id,
            role=Role.BUYER,
            kind=kind,
            seq=head.seq + 1,
            prev=head.digest,
            body={},
        )

    first = Copy(Role.BUYER, len(mine.texts), (*mine.texts, say(Kind.RELEASE)))
    second = Copy(Role.BUYER, len(mine.texts), (*mine.texts, say(Kind.DISPUTE)))
    begin(vendor.opened.journal, ESCROW_ID, [Bundle(ESCROW_ID, first)])

    with pytest.raises(NumberUsedTwice):
        begin(vendor.opened.journal, ESCROW_ID, [Bundle(ESCROW_ID, second)])
