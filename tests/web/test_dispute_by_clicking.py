"""A dispute by clicking: argued, ruled, and the ruling signed."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.functional.kit.market import Market
from tests.web.kit import Reader
from tripartite.domain.parties import Role

EVIDENCE = b"<script>alert('a file is never shown')</script>"


def test_a_dispute_is_argued_and_ruled(
    market: Market, scripted_readers: dict[Role, Reader], tmp_path: Path
) -> None:
    buyer, vendor, arbiter = (scripted_readers[role] for role in Role)
    for reader in scripted_readers.values():
        reader.enter_agent()
        reader.sign_in()
        reader.tell_port()
    deal = market.funded_deal()
    letter = tmp_path / "letter.html"
    letter.write_bytes(EVIDENCE)

    page = buyer.agent(f"/escrow/{deal.escrow_id}/dispute")
    page.get_by_label("Your reason").fill("It came broken.\nSee the letter.")
    page.get_by_label("Files as evidence").set_input_files(letter)
    buyer.look("agent-dispute")
    page.get_by_role("button", name="Go on").click()
    assert "letter.html" in buyer.answer_yes()
    deal.until(deal.is_disputed)
    buyer.visit(f"/escrows/{deal.escrow_id}")
    buyer.until_shown("Opened by the buyer")
    assert "It came broken" not in buyer.page.content()
    buyer.look("escrow-disputed")

    page = vendor.agent(f"/escrow/{deal.escrow_id}/state")
    page.get_by_label("What you say").fill("It was whole when it left.")
    page.get_by_role("button", name="Go on").click()
    vendor.answer_yes()

    page = arbiter.agent(f"/escrow/{deal.escrow_id}/case")
    arbiter.until_shown("It was whole when it left.", path=page.url)
    arbiter.until_shown("letter.html", path=page.url)
    arbiter.look("agent-case")
    with page.expect_download() as saved:
        page.get_by_role("link", name="letter.html").click()
    assert Path(saved.value.path()).read_bytes() == EVIDENCE

    page.get_by_role("link", name="Rule").click()
    page.get_by_label("The vendor's part, in per cent").fill("40")
    expect(page.locator("#preview")).to_contain_text("0.8")
    arbiter.look("agent-rule")
    page.get_by_role("button", name="Go on").click()
    assert "40 % to the vendor, 60 % to the buyer" in arbiter.answer_yes()

    page = buyer.agent(f"/escrow/{deal.escrow_id}")
    buyer.until_shown("The arbiter has ruled", path=page.url)
    buyer.look("agent-escrow-ruled")
    page.get_by_role("link", name="Sign the ruling").click()
    buyer.answer_yes()

    deal.until(deal.is_broadcast)
    deal.finish()
    arbiter.visit(f"/escrows/{deal.escrow_id}")
    arbiter.until_shown("The split was paid out; the transaction is final.")
