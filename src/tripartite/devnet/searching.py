"""Who could know what: looks through everything a process keeps, the way a thief would.

A text counts as known if it stands in any file of the process's directory, as it is or inside
base64url (the envelopes are JWS, and what is sealed in them is JWE: both are base64url all over).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

# Shorter runs of letters hold no fact of ours, and every English word would be tried.
_BASE64URL: Final = re.compile(rb"[A-Za-z0-9_-]{32,}")
# An envelope in a database in JSON is encoded once, a sealed part in it twice, its header thrice.
_DEPTH: Final = 3


def known(directory: Path, facts: Mapping[str, str]) -> frozenset[str]:
    """The names of those ``facts`` whose text can be found below ``directory``."""
    wanted = {name: text.encode() for name, text in facts.items()}
    found: set[str] = set()
    for content in _contents(directory):
        missing = {name: text for name, text in wanted.items() if name not in found}
        if not missing:
            break
        found |= _found_in(content, missing, depth=_DEPTH)
    return frozenset(found)


def files_named(directory: Path, pattern: str) -> list[str]:
    """The files below ``directory`` whose name fits, as paths from there."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob(pattern))


def _contents(directory: Path) -> Iterator[bytes]:
    for path in sorted(directory.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            yield path.read_bytes()
        except FileNotFoundError:
            # A database's journal comes and goes while its owner works.
            continue


def _found_in(content: bytes, wanted: Mapping[str, bytes], *, depth: int) -> set[str]:
    found = {name for name, text in wanted.items() if text in content}
    missing = {name: text for name, text in wanted.items() if name not in found}
    if depth and missing:
        for inner in _decoded(content):
            found |= _found_in(inner, missing, depth=depth - 1)
    return found


def _decoded(content: bytes) -> Iterable[bytes]:
    for run in _BASE64URL.finditer(content):
        text = run.group()
        try:
            yield base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
