"""What the page answers: templates rendered, and the headers that every answer carries."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# The same policy as the coordinator's pages: nothing from elsewhere, no inline script or style.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would then say "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_HTMX: Final = "htmx-2.0.11.min.js"
_STATIC: Final = ("style.css", "icon.svg", _HTMX)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def page(template: str, say: Callable[[str], str], *, status: int = 200, **facts: object) -> Answer:
    """A rendered template. ``say`` puts our English into the reader's language."""
    text = _environment().get_template(template).render(_=say, say=say, htmx=_HTMX, **facts)
    return Answer(status, text.encode())


def redirect(path: str, **headers: str) -> Answer:
    """Look elsewhere on this page; also after a form was taken."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(303, b"", headers={"Location": path, **given})


def load_anew() -> Answer:
    """To a script: the whole page has become another one."""
    return Answer(200, b"", headers={"HX-Refresh": "true"})


def static(name: str) -> Answer | None:
    """The shared stylesheet, icon and script."""
    if name not in _STATIC:
        return None
    content = (files("tripartite") / "look" / name).read_bytes()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Answer(200, content, kind, {"Cache-Control": "private, max-age=3600"})


def attachment(name: str, data: bytes) -> Answer:
    """Somebody else's file: saved, never shown. ``name`` was cleaned by ``arguing``."""
    return Answer(
        200,
        data,
        "application/octet-stream",
        {
            "Content-Disposition": f"attachment; filename={json.dumps(name)}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("tripartite.agent.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = _moment
    return made


def _moment(stamp: str) -> str:
    """A journal's time stamp (ISO 8601, UTC), for people."""
    return f"{stamp[:10]} {stamp[11:16]} UTC"
