"""Stories about the project as a whole: its files, its commands, its promises to readers."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import check_locks, generate_docs

ROOT = Path(__file__).resolve().parents[2]
TREES = ("src", "tests", "scripts", "benchmarks")
# Fenced blocks and code spans of a page: what a reader would type.
_COMMAND = re.compile(r"\bmake ([a-z]+)\b")
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


def python_files() -> list[Path]:
    return sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def documented_verbs() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_no_lock_file_says_where_packages_come_from() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))

    assert locks
    for lock in locks:
        assert check_locks.complaints(lock.read_text()) == [], lock.name


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--index-url somewhere", "names a place"),
        ("thing @ file:///tmp/thing.whl --hash=sha256:00", "names a place"),
        ("thing==1 --hash=sha256:00  # from https://example.invalid", "names a place"),
        ("thing>=1 --hash=sha256:00", "isn't pinned"),
        ("thing==1", "has no hash"),
    ],
)
def test_a_lock_that_pins_less_is_refused(line: str, complaint: str) -> None:
    (found,) = check_locks.complaints(line)

    assert complaint in found


def test_a_pinned_and_hashed_line_is_accepted() -> None:
    lock = "thing[extra]==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via other\n"

    assert check_locks.complaints(lock) == []


def test_only_our_own_kind_of_lock_file_is_kept() -> None:
    assert not any((ROOT / lock).exists() for lock in ("uv.lock", "pylock.toml", "poetry.lock"))


def test_the_commands_that_pages_show_are_verbs_of_the_makefile() -> None:
    readme = _COMMAND.findall((ROOT / "README.md").read_text())
    assert {"demo", "test"} <= set(readme)

    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        shown = re.findall(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", page.read_text(), re.DOTALL)
        verbs = {verb for block, span in shown for verb in _COMMAND.findall(block or span)}
        assert verbs <= known, page.name


def test_the_makefile_lists_the_verbs_it_promises() -> None:
    assert documented_verbs() == {
        "help",
        "setup",
        "check",
        "test",
        "demo",
        "docs",
        "bench",
        "attached",
        "faults",
        "fuzz",
        "lies",
        "load",
        "validate",
    }


def test_ci_runs_what_the_readme_says_and_nothing_hidden() -> None:
    script = (ROOT / ".ci/run").read_text()

    assert re.findall(r"^(?!#|set |cd |$).*", script, re.MULTILINE) == ["make check", "make test"]


def test_every_decision_record_is_in_the_index_and_tells_the_whole_story() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))

    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text()
        title = text.splitlines()[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in index
        headings = re.findall(r"^## (.*)", text, re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences", "Alternatives"], title


def test_no_page_links_to_a_file_that_is_not_there() -> None:
    dead = [
        f"{name(page)}: {target}"
        for page in pages()
        for target in _LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]

    assert dead == []


def test_a_module_past_400_lines_explains_itself() -> None:
    """The explanation stands in its docstring and has the words "400 lines". Tests may be long."""
    silent = [
        name(path)
        for path in python_files()
        if not path.is_relative_to(ROOT / "tests")
        and len(path.read_text().splitlines()) > 400
        and "400 lines" not in (ast.get_docstring(ast.parse(path.read_text())) or "")
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("marker", "form"),
    [
        ("type: ignore", r"type: ignore\[[a-z-]+(, ?[a-z-]+)*\]\s+(#|-|—)\s*\S.{2}"),
        ("noqa", r"noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*\s+(#|-|—)\s*\S.{2}"),
    ],
)
def test_every_exemption_has_a_code_and_a_reason(marker: str, form: str) -> None:
    bare = [
        f"{name(path)}:{line} {comment}"
        for path in python_files()
        for line, comment in comments(path)
        for found in re.finditer(rf"#\s*{marker}\b", comment)
        if not re.match(rf"#\s*{form}", comment[found.start() :])
    ]

    assert bare == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

    assert [name(path) for path in python_files() if path.stem.strip("_") in vague] == []


def test_no_test_is_skipped() -> None:
    skipped = [
        f"{name(path)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node).startswith("pytest.")
        and node.attr in {"skip", "skipif", "xfail", "importorskip"}
    ]

    assert skipped == []


def test_every_error_has_a_code_of_its_own_and_a_title() -> None:
    generate_docs.import_everything()
    codes: dict[str, str] = {}

    for leaf in generate_docs.error_leaves():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", leaf.code), leaf
        assert codes.setdefault(leaf.code, leaf.__qualname__) == leaf.__qualname__
        assert (leaf.__doc__ or "").strip(), leaf


def test_the_generated_pages_are_up_to_date() -> None:
    assert generate_docs.stale_pages() == []
