"""Stylesheet and scripts, from this one process and port.

An address carries the hash of what it names, so a browser may keep it for good and an upgrade is
seen at once.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_BRIEFLY: Final = "public, max-age=60"


class Fingerprinted(StaticFilesStorage):
    """Adds the hash to each address that ``{% static %}`` writes."""

    def url(self, name: str | None, force: bool = False) -> str:
        mark = "" if name is None else _fingerprint(name)
        return super().url(name) + (f"?v={mark}" if mark else "")


@require_safe
def serve(request: HttpRequest, name: str) -> HttpResponse:
    """One file of ours, or of an installed app; nothing outside their static directories."""
    found = _find(name)
    if found is None:
        raise Http404
    content, kind = found
    response = HttpResponse(content, content_type=kind)
    known = request.GET.get("v") == _fingerprint(name)
    response["Cache-Control"] = _FOR_GOOD if known else _BRIEFLY
    return response


@lru_cache(maxsize=256)
def _find(name: str) -> tuple[bytes, str] | None:
    path = finders.find(name)  # refuses what leads out of the directories
    if not isinstance(path, str) or not Path(path).is_file():
        return None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Path(path).read_bytes(), kind


def _fingerprint(name: str) -> str:
    found = _find(name)
    return "" if found is None else hashlib.sha256(found[0]).hexdigest()[:12]
