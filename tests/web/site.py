"""A coordinator and an agent's page inside the tests' own process: every page, and no daemon."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from tests.contract.engines import Sqlite, use_database
from tests.contract.kit import Market
from tests.contract.visitors import Place, furnish
from tripartite.coordinator.wsgi import application

LANGUAGES = ("en", "de")
_LOCALES = {"en": "en-GB", "de": "de-DE"}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """The coordinator's pages, and what there is to see on them."""

    origin: str
    place: Place


@contextmanager
def open_site(directory: Path) -> Iterator[Site]:
    """Serve the pages over a database of its own while inside."""
    # Playwright keeps an event loop in this thread, which Django takes for a danger. It isn't
    # running while we work.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        with Sqlite(directory).database() as url:
            use_database(url)
            place = furnish(Market())
            with _serving(application) as origin:
                yield Site(origin, place)


@contextmanager
def _serving(handler: WSGIHandler) -> Iterator[str]:
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Browsers:
    """A window for each language; whoever looks next takes the seat."""

    def __init__(self, chromium: Browser) -> None:
        self._contexts: dict[str, BrowserContext] = {
            one: chromium.new_context(locale=_LOCALES[one]) for one in LANGUAGES
        }
        self.pages: dict[str, Page] = {
            one: context.new_page() for one, context in self._contexts.items()
        }

    def sit_down(self, origin: str, client: Client) -> None:
        """Both windows are signed in as ``client`` is."""
        cookies = [
            {"name": name, "value": morsel.value, "url": origin}
            for name, morsel in client.cookies.items()
            if morsel.value
        ]
        for context in self._contexts.values():
            context.clear_cookies()
            context.add_cookies(cookies)  # type: ignore[arg-type]  # a TypedDict, from plain dicts

    def close(self) -> None:
        for context in self._contexts.values():
            context.close()
