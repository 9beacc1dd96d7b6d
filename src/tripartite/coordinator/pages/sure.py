"""What the button under a question carries: exactly what was asked, and an id to store it under.

Nothing is kept between the question and the yes. The id is fresh with each question, so the same
button pressed twice decides once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from django.core import signing
from django.http import HttpRequest

_FIELD: Final = "sure"
_SECONDS: Final = 3_600
"""How long a question may be thought about; after that it is asked anew."""


def new_sure(asked: Sequence[object], *, salt: str) -> str:
    """What the button carries. ``asked`` is what JSON can hold, ``salt`` the kind of question."""
    return signing.dumps([*asked, secrets.token_hex(16)], salt=salt)


def sure_of(request: HttpRequest, asked: Sequence[object], *, salt: str) -> str | None:
    """The id that the yes is stored under; None if nothing was asked, or something else."""
    try:
        told = signing.loads(request.POST.get(_FIELD, ""), salt=salt, max_age=_SECONDS)
    except signing.BadSignature:
        return None
    *before, fresh_id = told
    return str(fresh_id) if before == list(asked) else None
