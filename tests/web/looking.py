"""Looks at a page as people do: light, dark, on a telephone; and as a screen reader does.

The pictures go to ``build/screens``, for somebody to look at.
"""

from __future__ import annotations

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
        sticks_out = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert sticks_out <= 0, f"{name} is {sticks_out} pixels too wide at {width}"
        if mode in ("dark", "light"):
            found = _axe.run(page)
            assert found.violations_count == 0, f"{name}, {mode}: {found.generate_report()}"
