"""Finished English, with names and amounts in it, in another language: for both kinds of pages.

Use cases and errors speak English. A sentence of a catalogue with ``{places}`` in it fits such a
text, and what stands in the places is put into the translation. ``scripts/translations.py``
collects the sentences from where they are said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from gettext import GNUTranslations
from typing import IO, Final

Say = Callable[[str], str]

_PLACE: Final = re.compile(r"\\\{([a-z_]+)\\\}")


def read_catalogue(file: IO[bytes]) -> Mapping[str, str]:
    """Every translated sentence of a compiled catalogue. Raises ``OSError`` if it is none."""
    # The standard library offers no other way to list what a catalogue holds.
    listed: Mapping[object, str] = vars(GNUTranslations(file))["_catalog"]
    return {key: text for key, text in listed.items() if isinstance(key, str) and key}


def translator(catalogue: Mapping[str, str], put: Say) -> Say:
    """How to say a text; one that the catalogue doesn't have stays.

    ``put`` is asked about what stands in the places: most of it isn't ours to translate.
    """
    # What says most of itself goes first: "It is {state}" fits much that others fit better.
    sentences = sorted((msgid for msgid in catalogue if "{" in msgid), key=_own_words, reverse=True)
    patterns = [
        (re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(msgid)), re.DOTALL), catalogue[msgid])
        for msgid in sentences
    ]

    def say(text: str) -> str:
        if text in catalogue:
            return catalogue[text]
        for pattern, msgstr in patterns:
            found = pattern.fullmatch(text)
            if found is not None:
                return msgstr.format(
                    **{name: put(value) for name, value in found.groupdict().items()}
                )
        return text

    return say


def _own_words(msgid: str) -> int:
    return len(re.sub(r"\{[a-z_]+\}", "", msgid))
