"""Looks at a page as people do: light, dark, on a telephone; and as a screen reader does.

The pictures go to ``build/screens``, for somebody to look at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCREENS: Final = Path(__file__).resolve().parents[2] / "build/screens"

_Scheme = Literal["light", "dark"]
_MODES: Final[tuple[tuple[str, int, _Scheme], ...]] = (
    ("narrow", 360, "light"),
    ("dark", 1280, "dark"),
    ("wide", 1600, "light"),
    ("light", 1280, "light"),
)
_HEIGHT: Final = 900

_axe: Final = Axe()


def look_at(page: Page, name: str) -> None:
    """Take pictures of the page and judge it: nothing sticks out, axe finds no violation."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    for mode, width, scheme in _MODES:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"{name}-{mode}.png", full_page=True)
        sticks_out = _sticks_out(page)
        assert sticks_out <= 0, f"{name} is {sticks_out} pixels too wide at {width}"
        if mode in ("dark", "light"):
            found = _axe.run(page)
            assert found.violations_count == 0, f"{name}, {mode}: {found.generate_report()}"


_PICTURES: Final[dict[str, tuple[tuple[str, int, _Scheme], ...]]] = {
    "en": (("dark", 1280, "dark"), ("narrow", 360, "light"), ("light", 1280, "light")),
    "de": (("narrow", 360, "dark"), ("light", 1280, "light")),
}
_CONTRAST: Final = {"runOnly": ["color-contrast"]}
_ENGLISH: Final = re.compile(
    r"\b(the|this|that|your|you|who|what|with|not|and|is|are|give|make|sign)\b",
    re.IGNORECASE,
)


def look_everywhere(page: Page, name: str, language: str, *, ours: bool = True) -> None:
    """Pictures of a page in one language, its width, its words, and (once, in English) axe."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    for mode, width, scheme in _PICTURES[language]:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"{name}-{language}-{mode}.png", full_page=True)
        if ours:
            assert _sticks_out(page) <= 0, f"{name} ({language}) is too wide at {width}"
        if language == "en" and mode != "narrow":
            found = _axe.run(page, options=None if mode == "light" else _CONTRAST)
            assert found.violations_count == 0, f"{name}, {mode}: {found.generate_report()}"
    if ours and language == "de":
        assert left_in_english(page) == [], name


def left_in_english(page: Page) -> list[str]:
    """Lines of a German page with a common English word; commands and names are as they are."""
    page.evaluate("document.querySelectorAll('pre, code, [lang=en]').forEach(one => one.remove())")
    return [line for line in page.inner_text("body").splitlines() if _ENGLISH.search(line)]


def _sticks_out(page: Page) -> int:
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
