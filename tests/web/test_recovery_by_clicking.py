"""A stuck payout by clicking: an admin finds the case, has it tried again, and sees it close."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.kit.patience import ADMIN, PASSWORD, WHY, Patience
from tests.web.looking import look_at
from tests.web.test_signing_in import code_of, confirm_password
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role


@pytest.fixture
def patience(devnet: Devnet) -> Iterator[Patience]:
    made = Patience(devnet, "clicked")
    yield made
    made.stop()


@pytest.fixture
def page(chromium: Browser, patience: Patience) -> Iterator[Page]:
    context = chromium.new_context(base_url=patience.market.coordinator.url, locale="en-GB")
    yield context.new_page()
    context.close()


def test_a_stuck_release_is_found_tried_again_and_closed(patience: Patience, page: Page) -> None:
    market = patience.market
    deal = market.funded_deal()
    market.vendor.stop()
    deal.buyer.release()
    deal.until(lambda: deal.overview().waiting_on == ((Role.VENDOR, "export_info"),))
    patience.pass_until(48.5)
    deal.until(lambda: len(patience.cases()) == 1, what="a recovery case")

    sign_in_with_a_new_app(page)
    page.goto("/recovery")
    case = page.get_by_role("region", name=deal.escrow_id)
    expect(case).to_contain_text("48 hours")
    expect(case).to_contain_text("vendor (prepare the payout")
    case.get_by_text("Do something").click()
    look_at(page, "recovery-case")

    case.get_by_label("What to do").select_option("retry_transaction")
    case.get_by_label("Why").fill("too short")
    case.get_by_role("button", name="Do it").click()
    expect(case).not_to_contain_text("What was done")
    case.get_by_label("Why").fill(WHY)
    case.get_by_role("button", name="Do it").click()
    expect(case).to_contain_text(WHY)
    expect(case).to_contain_text("chain: nothing_announced")
    look_at(page, "recovery-tried-again")

    market.vendor.start()
    deal.finish()
    deal.until(lambda: patience.cases() == [], what="the case is closed")
    page.goto("/recovery")
    expect(page.locator("main")).to_contain_text("No escrow needs a person.")


def sign_in_with_a_new_app(page: Page) -> None:
    """An admin gets nowhere without a second factor, so this one sets an app up first."""
    page.goto("/login")
    page.locator("input[name=login]").fill(ADMIN)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form[action='/login'] button").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto("/recovery")
    expect(page.get_by_role("heading", name="Escrows that need a person")).not_to_be_visible()
    page.goto("/second-factor/totp/activate/")
    if page.locator("input[name=password]").count():
        confirm_password(page)
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("input[name=code]").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("main")).to_contain_text("Recovery Codes")
