"""A "no" of the use cases in the reader's language.

An error's title and detail are finished English: an API's client gets them as they are.
``scripts/refusals.py`` finds those that a page can show, for the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation import get_language

from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import State
from tripartite.domain.naming import STATES
from tripartite.domain.parties import Role
from tripartite.domain.translating import Say, read_catalogue, translator

_NAMES: Final = {state.value: name for state, name in STATES.items()}
_OURS: Final = frozenset(
    (*_NAMES.values(), *(role.value for role in Role), *(state.meaning for state in State))
)
"""What may stand in a sentence and is translated, too; an address or amount isn't."""


def said(error: TripartiteError) -> str:
    """Title and detail in one line."""
    return f"{title_of(error)}. {detail_of(error)}"


def title_of(error: TripartiteError) -> str:
    """What kind of "no" it is, without a full stop."""
    return in_reader_language(error.title())


def detail_of(error: TripartiteError) -> str:
    """What to do next."""
    return in_reader_language(error.detail)


def in_reader_language(text: str) -> str:
    """What a use case said; as it is if the catalogue doesn't have it."""
    language = (get_language() or settings.LANGUAGE_CODE).partition("-")[0]
    return _speaking(language)(text)


@cache
def _speaking(language: str) -> Say:
    catalogue: Mapping[str, str] = {}
    for place in settings.LOCALE_PATHS:
        path = Path(place) / language / "LC_MESSAGES" / "django.mo"
        if path.exists():
            with path.open("rb") as file:
                catalogue = read_catalogue(file)

    def put(value: str) -> str:
        name = _NAMES.get(value, value)
        return catalogue.get(name, value) if name in _OURS else value

    return translator(catalogue, put)
