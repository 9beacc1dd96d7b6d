"""Somebody who reads and clicks: one browser, the coordinator's pages and their own agent's."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.web.looking import look_at
from tripartite.devnet.party import Party
from tripartite.devnet.waiting import until

PATIENCE = 120.0


class Reader:
    """A party at a browser. ``complaints`` are what the browser found wrong with our pages.

    ``news`` are what the coordinator told its pages by itself.
    """

    def __init__(self, browser: Browser, party: Party, coordinator: str, *, scripts: bool) -> None:
        self.party = party
        self.scripts = scripts
        self._coordinator = coordinator
        self.complaints: list[str] = []
        self.news: list[str | bytes] = []
        self._context = browser.new_context(java_script_enabled=scripts, locale="en-GB")
        self.page = self._context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._hear))
        self._agent = ""

    def close(self) -> None:
        self._context.close()

    def _hear(self, frame: str | bytes) -> None:
        self.news.append(frame)

    def look(self, name: str) -> None:
        """Judge how the page looks; once is enough, so only with scripts (axe is one)."""
        if self.scripts:
            look_at(self.page, name)

    # The coordinator's pages

    def sign_in(self) -> None:
        self.visit("/login")
        self.page.fill("input[name=login]", self.party.name)
        self.page.fill("input[name=password]", self.party.password.reveal())
        self.page.click("main form[action='/login'] button")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def visit(self, path: str) -> Page:
        """A page of the coordinator."""
        self.page.goto(f"{self._coordinator}{path}")
        return self.page

    def follow_to_agent(self, name: str | re.Pattern[str]) -> None:
        """Click on a link that leads to the own agent."""
        self.page.get_by_role("link", name=name).first.click()
        assert urlsplit(self.page.url).netloc == urlsplit(self._agent).netloc

    # The own agent's page

    def enter_agent(self) -> None:
        """Open the agent's page by a fresh link, and tell the coordinator's pages where it is."""
        link = urlsplit(self.party.page_link())
        self._agent = f"{link.scheme}://{link.netloc}"
        self.page.goto(link.geturl())
        expect(self.page.get_by_role("heading", name="What waits for you")).to_be_visible()

    def tell_port(self) -> None:
        self.visit("/account/agent")
        self.page.get_by_text("Your agent's page has another port").click()
        self.page.fill("input[name=port]", str(urlsplit(self._agent).port))
        self.page.get_by_role("button", name="Use it").click()

    def agent(self, path: str) -> Page:
        """A page of the own agent."""
        self.page.goto(f"{self._agent}{path}")
        return self.page

    def answer_yes(self) -> str:
        """Compare, tick and confirm what is asked; what was shown before."""
        shown = self.page.inner_text("main")
        for box in self.page.get_by_role("checkbox").all():
            box.check()
        self.page.get_by_role("button", name="Yes").click()
        return shown

    def until_shown(self, text: str, *, path: str | None = None) -> None:
        """Wait until the page says so: by itself with scripts, by looking again without."""
        if self.scripts and path is None:
            expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE * 1000)
            return
        until(
            self._looking(text, path), seconds=PATIENCE, report=lambda: self.page.inner_text("main")
        )

    def _looking(self, text: str, path: str | None) -> Callable[[], bool]:
        def look() -> bool:
            self.page.goto(path) if path else self.page.reload()
            return text in self.page.inner_text("main")

        return look

    def _note(self, message: ConsoleMessage) -> None:
        # What the browser refuses because of the content security policy shows up here.
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)
