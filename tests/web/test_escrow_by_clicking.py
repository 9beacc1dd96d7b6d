"""Whole escrows by clicking: what the pages say is enough to go through one."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.functional.kit.market import Market
from tests.web.kit import Reader
from tripartite.devnet.deals import Deal
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role

SUBJECT = "a lamp, green, as we saw it"


def test_an_escrow_goes_from_proposal_to_payout(
    market: Market, readers: dict[Role, Reader]
) -> None:
    buyer, vendor, arbiter = (readers[role] for role in Role)
    for reader in readers.values():
        reader.enter_agent()
        reader.sign_in()
        reader.tell_port()
    buyer.visit("/account")
    buyer.look("account")
    buyer.visit("/account/agent")
    buyer.look("account-agent")

    escrow_id = _propose(buyer, vendor, arbiter)
    deal = Deal(market.devnet, market.community, escrow_id, amount=ATOMIC * 3 // 2, subject=SUBJECT)
    deal.until(deal.is_proposed)
    for reader in (vendor, arbiter):
        _accept(reader, escrow_id)

    buyer.visit(f"/escrows/{escrow_id}")
    buyer.until_shown("Pay the deposit.")
    buyer.look("escrow-awaiting-deposit")
    expect(buyer.page.locator(".qr svg")).to_be_visible()
    address = buyer.page.locator(".address").last.inner_text()
    link = buyer.page.get_by_role("link", name="Open in a wallet").get_attribute("href")
    assert link == f"monero:{address}?tx_amount=1.5"
    buyer.follow_to_agent("Compare on your agent")
    buyer.look("agent-escrow-awaiting-deposit")
    assert buyer.page.locator(".address").first.inner_text() == address

    deal.pay()
    market.mine(10)
    buyer.visit(f"/escrows/{escrow_id}")
    buyer.until_shown("release the money on your agent")

    assert bool(buyer.news) is buyer.scripts, "with scripts, the page was told and didn't only ask"
    buyer.look("escrow-funded")
    buyer.follow_to_agent(re.compile("Approve on your agent.*Release"))
    buyer.look("agent-question-release")
    shown = buyer.answer_yes()
    assert "1.5" in shown
    assert SUBJECT in shown

    deal.finish()
    vendor.visit(f"/escrows/{escrow_id}")
    vendor.until_shown("The vendor was paid; the transaction is final.")
    vendor.look("escrow-completed")
    vendor.visit("/escrows")
    vendor.look("escrows")
    vendor.agent("/")
    vendor.look("agent-overview")
    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
    assert not market.coordinator_knows(SUBJECT)


def _propose(buyer: Reader, vendor: Reader, arbiter: Reader) -> str:
    """Prepared on the coordinator's page, proposed on the agent's; the escrow's id."""
    page = buyer.visit("/propose")
    page.get_by_label("The other side's account").fill(vendor.party.name)
    page.get_by_label("The arbiter's account").fill(arbiter.party.name)
    page.get_by_label("Amount in XMR").fill("1.5")
    page.get_by_label("Arbiter's fee").fill("2")
    page.get_by_role("button", name="Show who gets what").click()
    expect(page.locator("#preview")).to_contain_text("1.47")
    buyer.look("propose")
    buyer.follow_to_agent("Go on with your agent")
    page.get_by_label("What is traded").fill(SUBJECT)
    page.get_by_label("A Monero address of yours").fill(buyer.party.address)
    if buyer.scripts:
        expect(page.locator("#preview")).to_contain_text("1.47")
    buyer.look("agent-propose")
    page.get_by_role("button", name="Show me what I would sign").click()
    buyer.look("agent-question-propose")
    shown = buyer.answer_yes()
    assert vendor.party.fingerprint in shown
    assert SUBJECT in shown
    return page.url.rsplit("/", maxsplit=1)[1]


def _accept(reader: Reader, escrow_id: str) -> None:
    """The invitation leads to the agent, where the terms are read and accepted."""
    reader.visit(f"/escrows/{escrow_id}")
    reader.until_shown("Read the terms on your agent", path=reader.page.url)
    page = reader.visit(f"/invitation/{escrow_id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("1.5 XMR")
    reader.look("invitation")
    reader.follow_to_agent("Read and decide on your agent")
    reader.until_shown("Accept these terms", path=page.url)
    assert SUBJECT in page.inner_text("main")
    reader.look("agent-escrow-proposed")
    page.get_by_label("A Monero address of yours").fill(reader.party.address)
    page.get_by_role("button", name="Go on").click()
    shown = reader.answer_yes()
    assert "You pay nothing in." in shown
