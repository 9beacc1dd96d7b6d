"""Somebody who clicks through the coordinator's pages, with scripts off: over real sockets."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Self

import httpx2

from tripartite.domain.secrets import Secret


class _Form(HTMLParser):
    """What the last form of a page would send by itself: hidden fields, and text shown again."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name") or ""
        if tag == "form":
            self.fields = {}
        elif tag == "input" and told.get("type") == "hidden":
            self.fields[name] = told.get("value") or ""
        elif tag == "textarea":
            self.fields[name] = ""
            self._text = name

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self.fields[self._text] += data


class Visitor:
    """One browser, signed in as one account."""

    def __init__(self, url: str, name: str, password: Secret) -> None:
        """Signs in."""
        self._client = httpx2.Client(
            base_url=url,
            headers={"Accept": "text/html"},
            follow_redirects=True,
            timeout=60.0,
            trust_env=False,
        )
        shown = self.send("/login", {"login": name, "password": password.reveal()})
        assert name in shown, shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(self, path: str) -> str:
        """A page."""
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, typed: Mapping[str, str]) -> str:
        """Fill in the form of a page and press its button; the page that comes then."""
        return self.press(path, self.read(path), typed)

    def press(self, path: str, page: str, typed: Mapping[str, str]) -> str:
        """Press the button of a page that is open."""
        fields = {**_fields(page, path), **typed}
        answer = self._client.post(
            path, data=fields, headers={"Origin": str(self._client.base_url).rstrip("/")}
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    def decide(self, escrow_id: str, verb: str, typed: Mapping[str, str] | None = None) -> str:
        """Decide something on an escrow's page: type, read the question, say yes.

        The question as it was shown.
        """
        path = f"/escrows/{escrow_id}/decide/{verb}"
        question = self.read(path) if typed is None else self.send(path, typed)
        self.press(path, question, {"read": "yes"})
        return question


def _fields(page: str, path: str) -> Mapping[str, str]:
    """The form in the middle of the page, which comes before that of the language in the foot."""
    form = _Form()
    form.feed(page.partition("<main")[2].partition("</main>")[0])
    assert form.fields, f"no form on {path}"
    return form.fields
