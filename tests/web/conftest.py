"""A real browser, and readers who click through the pages of the devnet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.functional.kit.market import Market
from tests.web.kit import Reader
from tripartite.devnet.network import Devnet
from tripartite.domain.parties import Role


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's own Chromium, without a window and without calls home."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


@pytest.fixture
def market(devnet: Devnet) -> Market:
    return Market(devnet)


@pytest.fixture(params=["with scripts", "without scripts"])
def readers(
    request: pytest.FixtureRequest, chromium: Browser, devnet: Devnet
) -> Iterator[dict[Role, Reader]]:
    """Buyer, vendor and arbiter, each in a browser of their own; then again without scripts."""
    yield from _readers(chromium, devnet, scripts=request.param == "with scripts")


@pytest.fixture
def scripted_readers(chromium: Browser, devnet: Devnet) -> Iterator[dict[Role, Reader]]:
    yield from _readers(chromium, devnet, scripts=True)


def _readers(chromium: Browser, devnet: Devnet, *, scripts: bool) -> Iterator[dict[Role, Reader]]:
    where = devnet.community.coordinator.url
    found = {
        role: Reader(chromium, devnet.community[role], where, scripts=scripts) for role in Role
    }
    yield found
    for reader in found.values():
        reader.close()
        assert reader.complaints == []
