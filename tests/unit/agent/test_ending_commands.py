"""The commands of endings and disputes as somebody types them. No daemon, no coordinator."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.agent.market import Market, Trader
from tests.unit.agent.test_commands import Desktop
from tests.unit.agent.test_endings import SHARE, dispute, offer, rule
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.decisions import Decision
from tripartite.domain.parties import Role


def terminal(trader: Trader, tmp_path: Path) -> Desktop:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("open sesame\n")
    return Desktop(trader.directory, passphrase)


def test_an_offer_is_shown_with_names_addresses_and_amounts(market: Market, tmp_path: Path) -> None:
    market.fund()
    desktop = terminal(market.buyer, tmp_path)

    no = desktop.type("settle", ESCROW_ID[:8], "--vendor-share", "0.25", answers="n\n")
    yes = desktop.type("settle", ESCROW_ID[:8], "--vendor-share", "0.25", answers="y\n")

    assert (no.exit_code, yes.exit_code) == (4, 0)
    for shown in ("0.75", "0.25", "vendor-account", "vendor is paid at", "network's fee"):
        assert shown in yes.stdout
    intent = market.buyer.desk.decisions.next_intent(ESCROW_ID)
    assert intent is not None
    assert (intent.decision, intent.content["vendor_share"]) == (Decision.SETTLE, str(SHARE))


def test_a_split_that_gives_more_than_there_is_is_refused(market: Market, tmp_path: Path) -> None:
    market.fund()

    refused = terminal(market.buyer, tmp_path).type(
        "settle", ESCROW_ID, "--vendor-share", "1.01", "--yes"
    )

    assert refused.exit_code == 1
    assert "share_out_of_range" in refused.stderr


def test_agreeing_unattended_needs_the_expected_share(market: Market, tmp_path: Path) -> None:
    market.fund()
    offer(market, market.buyer)
    desktop = terminal(market.vendor, tmp_path)

    blind = desktop.type("agree", ESCROW_ID, "--yes")
    wrong = desktop.type("agree", ESCROW_ID, "--yes", "--vendor-share", "0.3")
    right = desktop.type("agree", ESCROW_ID, "--yes", "--vendor-share", "0.25")

    assert [one.exit_code for one in (blind, wrong, right)] == [1, 1, 0]
    assert "other_than_expected" in blind.stderr


def test_status_says_what_is_missing_and_what_is_offered(market: Market, tmp_path: Path) -> None:
    market.agree()
    for trader in (market.buyer, market.vendor):
        trader.wallets.deposit(300_000_000_000)
        trader.seconds += 1_000
    market.settle()
    offer(market, market.buyer)
    desktop = terminal(market.vendor, tmp_path)

    (escrow,) = json.loads(desktop.type("status", "--json").stdout)["escrows"]
    shown = desktop.type("status").stdout

    assert (escrow["missing"], escrow["surplus"]) == ("0.7", "0")
    assert escrow["offers"] == {"buyer": {"vendor_share": "0.25", "moves_to": None}}
    assert {"agree", "settle", "refund"} <= set(escrow["you_can"])
    assert "0.7 of 1 XMR are still missing" in shown
    assert "the buyer offers a split: 0.25 XMR" in shown


def test_a_ruling_needs_exactly_one_verdict(market: Market, tmp_path: Path) -> None:
    market.fund()
    dispute(market, market.buyer)
    desktop = terminal(market.arbiter, tmp_path)

    for words in ([], ["--for", "arbiter"], ["--for", "buyer", "--vendor-percent", "1"]):
        assert desktop.type("rule", ESCROW_ID, *words, "--yes").exit_code == 2
    assert desktop.type("rule", ESCROW_ID, "--vendor-percent", "60", "--yes").exit_code == 0
    intent = market.arbiter.desk.decisions.next_intent(ESCROW_ID)
    assert intent is not None
    assert intent.content["vendor_bps"] == 6_000
    assert intent.content["cosigner"] == Role.VENDOR.value


def test_a_case_shows_what_was_said_and_whose_signature_is_missing(
    market: Market, tmp_path: Path
) -> None:
    market.fund()
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8")
    dispute(market, market.buyer, file)
    rule(market, 6_000)

    shown = terminal(market.vendor, tmp_path).type("case", ESCROW_ID).stdout

    assert "nothing arrived" in shown
    assert "photo.jpg" in shown
    assert "60 % for the vendor" in shown
    assert "tripartite agent agree" in shown
    assert "No money moves by time" in shown


def test_evidence_and_statements_are_asked_before_they_are_said(
    market: Market, tmp_path: Path
) -> None:
    market.fund()
    dispute(market, market.buyer)
    file = tmp_path / "receipt.txt"
    file.write_text("paid")
    desktop = terminal(market.vendor, tmp_path)

    assert desktop.type("evidence", ESCROW_ID, str(file), answers="n\n").exit_code == 4
    shown = desktop.type("evidence", ESCROW_ID, str(file), "--yes")
    said = desktop.type("state", ESCROW_ID, "--file", str(file), "--yes")
    neither = desktop.type("state", ESCROW_ID, "--yes")

    assert (shown.exit_code, said.exit_code, neither.exit_code) == (0, 0, 2)
    assert "4 bytes, SHA-256" in shown.stdout
    market.settle()
    assert "paid" in terminal(market.arbiter, tmp_path).type("case", ESCROW_ID).stdout
