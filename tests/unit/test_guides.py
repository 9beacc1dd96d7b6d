"""The commands that the guides show are commands that there are, with options that they have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tripartite.cli.main import build

GUIDES = Path(__file__).resolve().parents[2] / "docs/guides"
_BLOCK = re.compile(r"```[a-z]*\n(.*?)```|`(tripartite [^`\n]+)`", re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """What a reader of ``page`` would type, as words without the program's name."""
    found: list[list[str]] = []
    for block, span in _BLOCK.findall(page.read_text()):
        lines = (block or span).replace("\\\n", " ").splitlines()
        found += [shlex.split(one)[1:] for one in lines if one.startswith("tripartite agent ")]
    return found


@pytest.mark.parametrize("name", ["party.md", "arbiter.md"])
def test_a_guide_shows_only_what_can_be_typed(name: str) -> None:
    shown = commands(GUIDES / name)
    assert len(shown) > 8

    for words in shown:
        if words[1].startswith("-") or "|" in words[1]:
            continue
        wanted = ["agent", words[1], "--help"]
        page = CliRunner().invoke(build(wanted), wanted, env={"COLUMNS": "300"})
        assert page.exit_code == 0, words
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert {option for option in given if option not in page.stdout} == set(), words


def test_the_arbiters_guide_names_every_verb_of_an_argument() -> None:
    verbs = {words[1] for words in commands(GUIDES / "arbiter.md")}

    assert {"accept", "case", "state", "evidence", "rule"} <= verbs
