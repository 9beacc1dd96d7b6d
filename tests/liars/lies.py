"""Every lie has a name, somebody who tells it, and the answer that an honest agent gives.

``lie`` marks the story that tells one. What was told in a run, and what was refused, is written to
``build/lies.json``; ``docs/threat-model.md`` lists them all, and a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

MARK: Final = "lie"


def lie(name: str, *, by: str, answer: str) -> pytest.MarkDecorator:
    """This story tells a lie; ``answer`` is an error code.

    Or it is ``ignored``: an agent has no reason to notice words that it never believes.
    """
    return pytest.mark.lie(name=name, by=by, answer=answer)


def write_book(path: Path, told: list[dict[str, object]]) -> None:
    """What was told and what was refused; nothing if no lie was told in this run."""
    if not told:
        return
    refused = sum(one["refused"] is True for one in told)
    path.parent.mkdir(exist_ok=True)
    book = {"told": len(told), "refused": refused, "lies": told}
    path.write_text(json.dumps(book, indent=1) + "\n")
