"""Accounts by clicking: sign-up, an authenticator app, recovery codes, a passkey."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.looking import look_at
from tripartite.devnet.network import Devnet

PASSWORD = "a horse, a battery, a staple"


@pytest.fixture
def page(chromium: Browser, devnet: Devnet) -> Iterator[Page]:
    """Browsers give passkeys to ``localhost``, and to no bare address."""
    port = urlsplit(devnet.community.coordinator.url).port
    context = chromium.new_context(base_url=f"http://localhost:{port}", locale="en-GB")
    yield context.new_page()
    context.close()


def sign_up(page: Page) -> str:
    name = f"newcomer-{secrets.token_hex(4)}"
    page.goto("/")
    look_at(page, "home")
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    look_at(page, "signup")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("input[name=password2]").fill(PASSWORD)
    page.locator("main form button").click()
    expect(page.get_by_role("heading", name="Escrows", exact=True)).to_be_visible()
    return name


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.goto("/login")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form[action='/login'] button").click()


def confirm_password(page: Page) -> None:
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()


def code_of(secret: str, *, later: int = 0) -> str:
    """RFC 6238: six digits of the present half minute, or of one ``later``."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + later), hashlib.sha1)
    number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def test_an_app_is_asked_for_after_the_password(page: Page) -> None:
    name = sign_up(page)
    page.goto("/second-factor/totp/activate/")
    look_at(page, "reauthenticate")
    confirm_password(page)
    look_at(page, "second-factor-app")
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("input[name=code]").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("main")).to_contain_text("Recovery Codes")
    look_at(page, "second-factor-codes")
    page.goto("/second-factor/")
    look_at(page, "second-factor")

    sign_in(page, name)

    expect(page.get_by_role("heading", name="Two-Factor Authentication")).to_be_visible()
    look_at(page, "second-factor-asked")
    page.locator("input[name=code]").fill("000000")
    page.get_by_role("button", name="Sign In").click()
    expect(page.locator("main")).to_contain_text("Incorrect code")
    # A code opens once: the next half minute's is needed, and one step of tolerance allows it.
    page.locator("input[name=code]").fill(code_of(secret, later=1))
    page.get_by_role("button", name="Sign In").click()
    expect(page.get_by_role("heading", name="Escrows", exact=True)).to_be_visible()


def test_a_passkey_opens_the_account_without_a_password(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    name = sign_up(page)
    page.goto("/second-factor/webauthn/add/")
    confirm_password(page)
    page.locator("input[name=name]").fill("my telephone")
    page.locator("input[name=passwordless]").check()
    look_at(page, "passkey-add")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("main")).to_contain_text("Recovery Codes")
    page.goto("/second-factor/webauthn/")
    expect(page.locator("main")).to_contain_text("my telephone")
    look_at(page, "passkeys")

    page.get_by_role("button", name="Sign out").click()
    page.goto("/login")
    look_at(page, "login")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("heading", name="Escrows", exact=True)).to_be_visible()
    expect(page.get_by_role("banner")).to_contain_text(name)


def test_a_page_that_isnt_there_looks_like_ours(page: Page) -> None:
    page.goto("/nowhere")

    expect(page.get_by_role("heading", name="There is nothing here for you")).to_be_visible()
    look_at(page, "not-found")
