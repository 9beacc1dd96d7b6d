"""The threat model's tables and the liars' stories say the same, both ways."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.test_repository import ROOT

STORIES = ROOT / "tests" / "liars"
PAGE = ROOT / "docs" / "threat-model.md"
ROW = re.compile(r"^\| `([a-z-]+)` \| [^|]+ \| `([a-z_]+)` \| `([\w.]+::\w+)` \|$", re.MULTILINE)
CODE = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
IGNORED = "ignored"


def test_every_lie_on_the_page_is_told_and_every_told_lie_is_on_the_page() -> None:
    told, listed = sorted(_told()), sorted(ROW.findall(PAGE.read_text()))

    assert listed == told
    assert len({name for name, *_ in listed}) == len(listed), "each lie has a name of its own"


def test_every_answer_to_a_lie_is_an_error_code_of_ours() -> None:
    codes = set(CODE.findall((ROOT / "docs" / "errors.md").read_text()))

    assert {answer for _, answer, _ in _told()} - codes == {IGNORED}


def _told() -> Iterator[tuple[str, str, str]]:
    """Each lie's name, the answer that it gets, and the story that tells it."""
    for path in sorted(STORIES.glob("test_*.py")):
        for story in ast.parse(path.read_text()).body:
            if isinstance(story, ast.FunctionDef):
                marks = (found for one in story.decorator_list for found in ast.walk(one))
                for call in marks:
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "lie":
                        (name,) = call.args
                        words = {one.arg: one.value for one in call.keywords}
                        yield (
                            ast.literal_eval(name),
                            ast.literal_eval(words["answer"]),
                            f"{path.name}::{story.name}",
                        )
