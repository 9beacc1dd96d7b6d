"""The page's language: the reader's, as the browser asks for it.

Templates call ``_`` on whole sentences. What the use cases say (``consent``, ``endings``, errors)
comes as finished English with names and amounts in it: see ``tripartite.domain.translating``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from tripartite.agent.page.phrases import PHRASES
from tripartite.domain.lifecycle import State
from tripartite.domain.translating import Say, read_catalogue, translator

LANGUAGES: Final = ("en", "de")
_WORD: Final = re.compile(r"[a-z]+(?:[ _][a-z]+)*")
_MEANINGS: Final = frozenset(state.meaning for state in State)


def speaking(accept_language: str) -> Say:
    """How to say things to a browser that sends this ``Accept-Language``."""
    return _speaking(_language(accept_language))


def _language(accept_language: str) -> str:
    """The first language asked for that we have. Browsers list them by preference."""
    for part in accept_language.split(","):
        wanted = part.split(";")[0].strip().lower().partition("-")[0]
        if wanted in LANGUAGES:
            return wanted
    return LANGUAGES[0]


@lru_cache(maxsize=len(LANGUAGES))
def _speaking(language: str) -> Say:
    if language == LANGUAGES[0]:
        return lambda text: PHRASES.get(text, text)
    exact = catalogue(language)
    say = translator(exact, lambda value: _put(value, exact))
    return lambda text: say(PHRASES.get(text, text))


def _put(value: str, exact: Mapping[str, str]) -> str:
    """What stands in a place: words of ours are translated, those of others stay."""
    if _WORD.fullmatch(value) or value in _MEANINGS:
        return exact.get(PHRASES.get(value, value), value)
    return value


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Mapping[str, str]:
    """Every translated sentence of a language."""
    path = files(__package__) / "locale" / language / "LC_MESSAGES" / "agent.mo"
    with path.open("rb") as file:
        return read_catalogue(file)
