"""Refunds, splits, disputes and rulings, told by three agents whose wallets are of paper."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.unit.agent.market import TXID, Market, Trader
from tests.unit.protocol.trade import ESCROW_ID, KEY_IMAGE, terms
from tripartite.agent import deciding, resolving
from tripartite.agent.arguing import (
    MAX_FILE_BYTES,
    PART_BYTES,
    ArgumentUnsound,
    EvidenceUnsound,
    Part,
    clean_name,
    take_apart,
)
from tripartite.agent.consent import NotOpenToYou
from tripartite.agent.decisions import Decision
from tripartite.agent.reading import read_case
from tripartite.agent.resolving import NothingOffered, OtherThanExpected
from tripartite.agent.wallets.records import PayoutOvertaken
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.monero.monerod import FoundTransactions, KnownTransaction
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, Kind, read_envelope
from tripartite.protocol.record import Payout

SHARE = ATOMIC // 4


def offer(market: Market, trader: Trader, share: int = SHARE) -> None:
    resolving.store(trader.opened, resolving.offer(trader.opened, ESCROW_ID, share))
    market.settle()


def agree(market: Market, trader: Trader) -> None:
    resolving.store(trader.opened, resolving.agree(trader.opened, ESCROW_ID, ruling=False))
    market.settle()


def dispute(market: Market, trader: Trader, *files: Path) -> None:
    choice = resolving.dispute(trader.opened, ESCROW_ID, "nothing arrived")
    resolving.store(trader.opened, choice, resolving.read_files(files))
    market.settle()


def rule(market: Market, bps: int, cosigner: Role | None = None) -> None:
    opened = market.arbiter.opened
    resolving.store(opened, resolving.rule(opened, ESCROW_ID, bps, cosigner))
    market.settle()


def listed(trader: Trader, name: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", read_case(trader.opened, ESCROW_ID)[name])


def payout(market: Market) -> Payout:
    found = market.record.payout
    assert found is not None
    return found


def test_a_split_is_paid_out_as_both_signed_it(market: Market) -> None:
    market.fund()

    offer(market, market.buyer)
    assert market.record.state is State.FUNDED
    agree(market, market.vendor)

    assert payout(market).txid == TXID
    (built,), (signed,) = market.buyer.wallets.plans, market.vendor.wallets.plans
    assert replace(built, key_images=(KEY_IMAGE,)) == signed, "the builder has said what it spends"
    assert (built.event, built.vendor_share) == (Event.SETTLEMENT_AGREED, SHARE)
    assert market.arbiter.wallets.plans == []


def test_nobody_agrees_unattended_to_another_split_than_expected(market: Market) -> None:
    market.fund()
    offer(market, market.buyer)
    choice = resolving.agree(market.vendor.opened, ESCROW_ID, ruling=False)

    resolving.expect(choice, vendor_share=SHARE, vendor_bps=None)
    for share, bps in ((SHARE + 1, None), (None, None), (None, 2_500), (SHARE, 0)):
        with pytest.raises(OtherThanExpected):
            resolving.expect(choice, vendor_share=share, vendor_bps=bps)


def test_there_is_nothing_to_agree_to_but_the_others_offer(market: Market) -> None:
    market.fund()
    offer(market, market.buyer)

    with pytest.raises(NothingOffered):
        resolving.agree(market.buyer.opened, ESCROW_ID, ruling=False)
    with pytest.raises(NothingOffered):
        resolving.agree(market.vendor.opened, ESCROW_ID, ruling=True)


def test_an_offer_that_was_replaced_is_not_agreed_to(market: Market) -> None:
    market.fund()
    offer(market, market.buyer)
    choice = resolving.agree(market.vendor.opened, ESCROW_ID, ruling=False)
    offer(market, market.buyer, SHARE // 2)

    resolving.store(market.vendor.opened, choice)
    market.settle()

    assert market.record.payout is None
    assert "offer_gone" in market.vendor.alarms


def test_an_offer_shows_who_gets_how_much(market: Market) -> None:
    market.fund()

    (row,) = resolving.offer(market.buyer.opened, ESCROW_ID, SHARE).consent.endings

    assert (row.buyer, row.vendor, row.arbiter) == ("0.75", "0.25", "0")


def test_a_ruling_in_full_is_signed_by_the_winner_alone_and_never_by_the_loser(
    market: Market,
) -> None:
    market.fund()
    dispute(market, market.buyer)
    rule(market, 0)

    assert market.record.state is State.REFUNDING
    assert payout(market).txid == TXID
    (plan,) = market.buyer.wallets.plans
    assert (plan.event, plan.vendor_bps) == (Event.RULED_FOR_BUYER, 0)
    assert market.vendor.wallets.plans == []


def test_a_split_ruling_waits_for_the_person_it_names(market: Market) -> None:
    market.fund()
    dispute(market, market.vendor)
    rule(market, 6_000)
    assert payout(market).cosigner is Role.VENDOR
    assert "cosign" not in market.vendor.wallets.calls
    assert market.vendor.alarms == []
    assert read_case(market.vendor.opened, ESCROW_ID)["payout"] is not None

    choice = resolving.agree(market.vendor.opened, ESCROW_ID, ruling=False)
    (row,) = choice.consent.endings
    assert (row.buyer, row.vendor, row.arbiter) == ("0.396", "0.594", "0.01")
    resolving.store(market.vendor.opened, choice)
    market.settle()

    assert payout(market).txid == TXID


def test_agreeing_to_one_ruling_is_not_agreeing_to_the_next(market: Market) -> None:
    market.fund()
    dispute(market, market.vendor)
    rule(market, 6_000)
    choice = resolving.agree(market.vendor.opened, ESCROW_ID, ruling=False)
    rule(market, 5_000, Role.VENDOR)

    resolving.store(market.vendor.opened, choice)
    market.settle()

    assert payout(market).vendor_bps == 5_000
    assert "cosign" not in market.vendor.wallets.calls


def test_only_the_arbiter_rules_and_only_in_a_dispute(market: Market) -> None:
    market.fund()
    with pytest.raises(NotOpenToYou):
        resolving.rule(market.arbiter.opened, ESCROW_ID, 0, None)
    dispute(market, market.buyer)
    with pytest.raises(NotOpenToYou):
        resolving.rule(market.vendor.opened, ESCROW_ID, 10_000, None)


def test_late_money_goes_back_to_the_buyer_by_itself(market: Market) -> None:
    market.agree()
    market.vendor.decide(Decision.CANCEL)
    market.settle()

    for trader in (market.buyer, market.vendor):
        trader.wallets.deposit(terms().amount_due // 3)
        trader.seconds += 1_000
    market.settle()

    assert market.record.state is State.REFUNDING
    (plan,) = market.buyer.wallets.plans
    assert plan.gross(300).parts == (300, 0, 0, 0)
    assert payout(market).txid == TXID


def test_a_cancelled_escrow_is_still_watched_after_a_restart(market: Market) -> None:
    market.agree()
    market.vendor.decide(Decision.CANCEL)
    market.settle()

    from tripartite.agent.engine import _RESTING  # noqa: PLC0415 — only this story looks inside
    from tripartite.domain.lifecycle import PAID_OUT  # noqa: PLC0415 — as above

    def at_work(trader: Trader) -> list[str]:
        return trader.opened.journal.escrows_at_work(closed=PAID_OUT, resting=_RESTING)

    assert at_work(market.vendor) == [ESCROW_ID]
    assert at_work(market.arbiter) == []


def test_statements_and_evidence_reach_the_other_two_and_nobody_else(
    market: Market, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.pdf"
    file.write_bytes(b"%PDF" + bytes(3 * PART_BYTES))
    market.fund()
    dispute(market, market.buyer, file)
    opened = market.vendor.opened
    resolving.store(opened, resolving.state(opened, ESCROW_ID, "it was sent"))
    market.settle()

    for trader in market.traders.values():
        said = [(one["by"], one["text"]) for one in listed(trader, "statements")]
        assert said == [("buyer", "nothing arrived"), ("vendor", "it was sent")]
        (one,) = listed(trader, "evidence")
        assert (one["name"], one["parts"], one["problem"]) == ("receipt.pdf", 4, None)
        kept = Path(str(one["file"]))
        assert kept.read_bytes() == file.read_bytes()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert kept.parent.stat().st_mode & 0o777 == 0o700
    for text in market.coordinator.received:
        assert len(text) <= MAX_ENVELOPE_BYTES
        assert b"receipt" not in str(read_envelope(text).body).encode()


def test_evidence_with_another_content_than_its_hash_is_not_kept(
    market: Market, tmp_path: Path
) -> None:
    market.fund()
    dispute(market, market.buyer)
    lie = Part("a.txt", "text/plain", hashlib.sha256(b"other").hexdigest(), 1, 1, b"this")
    content: dict[str, Json] = {**lie.to_json(), "contract_id": market.record.contract_id}
    market.buyer.desk.decisions.decide(ESCROW_ID, Decision.EVIDENCE, content)
    market.settle()

    (one,) = listed(market.vendor, "evidence")
    assert one["file"] is None
    assert "hash" in str(one["problem"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../.ssh/authorized_keys", "authorized_keys"),
        ("..\\..\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a b\n\x1b[2Jc.txt", "a_b_2Jc.txt"),
        ("…", "file"),
        ("x" * 300 + ".png", "x" * 76 + ".png"),
    ],
)
def test_a_name_can_be_no_path_and_no_trick(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def test_files_that_are_empty_too_large_or_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "large").open("wb") as large:
        large.truncate(MAX_FILE_BYTES + 1)

    for name in ("empty", "large", "missing", "."):
        with pytest.raises(EvidenceUnsound):
            take_apart(tmp_path / name)


def test_a_statement_of_nothing_or_of_a_book_is_refused(market: Market) -> None:
    market.fund()

    for text in ("  ", "x" * 20_001):
        with pytest.raises(ArgumentUnsound):
            resolving.dispute(market.buyer.opened, ESCROW_ID, text)


def test_nothing_is_built_anew_while_a_payout_may_still_be_mined(market: Market) -> None:
    """A ruling comes when a release is in the pool already: the agents wait for the release."""
    market.release()
    market.vendor.node.confirmations = market.buyer.node.confirmations = 0
    market.arbiter.node.confirmations = 0
    dispute(market, market.buyer)
    rule(market, 0)

    assert payout(market).txid is None
    assert "export_info" not in market.arbiter.wallets.calls
    for trader in market.traders.values():
        trader.node.confirmations = 10
        trader.seconds += 1_000
        trader.work()
    assert {one.case.record.state for one in market.traders.values()} == {State.COMPLETED}


def test_an_agent_tells_of_a_payout_that_the_record_does_not_know(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The money is gone by another transaction: the wallet says which, the node has it mined."""
    other = "77" * 32
    market.fund()
    market.vendor.wallets.trouble["cosign"] = [PayoutOvertaken("Something came first.")] * 5
    market.vendor.wallets.spending = (other,)
    known = FoundTransactions((KnownTransaction(other, False, 130, 3, False, ""),), ())
    monkeypatch.setattr(market.vendor.node, "get_transactions", lambda *_, **__: known)

    market.buyer.decide(Decision.RELEASE)
    market.settle()

    (seen,) = market.record.seen.values()
    assert seen == (other, Event.RELEASE_CONFIRMED)
    kinds = [read_envelope(text).kind for text in market.coordinator.received]
    assert kinds.count(Kind.PAYOUT_SEEN) == 1


def test_a_decision_about_an_escrow_that_is_over_is_refused_before_it_is_asked(
    market: Market,
) -> None:
    market.release()

    with pytest.raises(NotOpenToYou):
        deciding.choose(market.buyer.opened, ESCROW_ID, Decision.RELEASE)
    with pytest.raises(NotOpenToYou):
        deciding.choose(market.vendor.opened, ESCROW_ID, Decision.REFUND)
