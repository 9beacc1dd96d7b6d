"""The pages' catalogues: collect what can be said, keep what was translated, compile.

    python scripts/translations.py           write locale/…/*.po and *.mo anew
    python scripts/translations.py --check   say what is missing or stale, and end with 1

The format is gettext's, so any of its tools can edit a catalogue. Collecting and compiling are done
here, so that nobody needs them installed. Sentences of the agent's use cases with names or amounts
in them stand in ``SPOKEN``: see ``tripartite.agent.page.wording``.
"""

from __future__ import annotations

import argparse
import ast
import re
import struct
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment
from jinja2.ext import extract_from_ast

from tripartite.domain.lifecycle import State
from tripartite.domain.naming import DECISIONS, STATES
from tripartite.domain.parties import Role

ROOT: Final = Path(__file__).resolve().parents[1] / "src/tripartite"
LANGUAGE: Final = "de"
_CALLS: Final = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop"})
_HEAD: Final = (
    "Content-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    f"Language: {LANGUAGE}\n"
    "Plural-Forms: nplurals=2; plural=(n != 1);\n"
)


@dataclass(frozen=True, order=True)
class Sentence:
    """Something a page says; ``plural`` is "" for most."""

    text: str
    plural: str = ""


@dataclass(frozen=True)
class Catalogue:
    """One domain: where its sentences are found and where its files are."""

    domain: str
    place: Path

    @property
    def po(self) -> Path:
        return self.place / LANGUAGE / "LC_MESSAGES" / f"{self.domain}.po"

    @property
    def mo(self) -> Path:
        return self.po.with_suffix(".mo")


COORDINATOR: Final = Catalogue("django", ROOT / "coordinator/locale")
AGENT: Final = Catalogue("agent", ROOT / "agent/page/locale")


def main() -> int:
    """Write the catalogues, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    complaints = []
    for catalogue, found in ((COORDINATOR, coordinator_says()), (AGENT, agent_says())):
        complaints += complaints_about(catalogue, found)
        if not check:
            write(catalogue, found)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints and check else 0


def complaints_about(catalogue: Catalogue, said: Iterable[Sentence]) -> list[str]:
    """What isn't translated, is said no more, or isn't compiled."""
    known = read_po(catalogue.po)
    wanted = set(said)
    found = [f"{catalogue.domain}: not translated: {one.text!r}" for one in sorted(wanted)
             if not all(known.get(one, ("",)))]  # fmt: skip  # one condition, one line
    found += [f"{catalogue.domain}: said no more: {one.text!r}" for one in known.keys() - wanted]
    if not catalogue.mo.exists() or catalogue.mo.read_bytes() != compiled(known):
        found.append(f"{catalogue.domain}: run scripts/translations.py")
    return found


def named_by_both() -> set[Sentence]:
    """What the domain calls roles, states and decisions, for all who show them."""
    meanings = (state.meaning for state in State)
    roles = (role.value for role in Role)
    return {Sentence(one) for one in (*STATES.values(), *DECISIONS.values(), *meanings, *roles)}


def coordinator_says() -> set[Sentence]:
    """Every sentence in the coordinator's modules and templates."""
    # Django's own reader of its template language; settings aren't needed for it.
    from django.utils.translation.template import templatize  # noqa: PLC0415 — as said above

    found = named_by_both() | {
        Sentence(text)
        for path in (ROOT / "coordinator").rglob("*.py")
        for text in said_in_python(path.read_text(encoding="utf-8"))
    }
    for path in (ROOT / "coordinator").rglob("*.html"):
        # It makes something like Python of a template: comments, and calls of gettext.
        source = templatize(path.read_text(encoding="utf-8"), origin=str(path))
        for tree in _calls(source):
            texts = [ast.literal_eval(one) for one in tree]
            found.add(Sentence(*(text.replace("%%", "%") for text in texts)))
    return found | set(refused_on_pages())


def refused_on_pages() -> Iterator[Sentence]:
    """Titles and details of the errors that a page of the coordinator can show."""
    if str(ROOT.parents[1]) not in sys.path:
        sys.path.insert(0, str(ROOT.parents[1]))
    from scripts.refusals import refusals  # noqa: PLC0415 — found only since the line above

    for one in refusals(ROOT):
        yield Sentence(one.title)
        # What isn't written there is another error's detail, and collected where that is raised.
        if not isinstance(one.text, ast.Attribute):
            yield from (Sentence(text) for text in _either(one.text))


def _calls(source: str) -> Iterator[list[str]]:
    literal = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    for name, first, second in re.findall(
        rf"\b(n?gettext)\({literal}(?:\s*,\s*{literal})?", source, re.DOTALL
    ):
        yield [first, second] if name == "ngettext" else [first]


def said_in_python(source: str) -> Iterator[str]:
    """The constant arguments of gettext's functions."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _CALLS
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def agent_says() -> set[Sentence]:
    """Every sentence in the agent's templates, and those that its use cases make."""
    from tripartite.agent.page.phrases import MET, PHRASES, SPOKEN  # noqa: PLC0415 — heavy to import

    found = named_by_both() | {Sentence(text) for text in (*PHRASES.values(), *SPOKEN)}
    found |= {Sentence(error.title()) for error in MET}
    names = {error.__name__ for error in MET}
    for package in ("agent", "domain", "protocol"):
        for path in (ROOT / package).rglob("*.py"):
            found |= {Sentence(one) for one in raised_in(path.read_text(encoding="utf-8"), names)}
    reader = Environment(autoescape=True)
    for path in (ROOT / "agent/page/templates").glob("*.html"):
        tree = reader.parse(path.read_text(encoding="utf-8"))
        for _, _, text in extract_from_ast(tree, gettext_functions=("_", "say")):
            if isinstance(text, str):
                found.add(Sentence(text))
    return found


def raised_in(source: str, names: Container[str]) -> Iterator[str]:
    """What is said with errors of these names, with ``{places}`` for what is put into it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            for text in node.args[:1]:
                yield from _either(text)


def _either(text: ast.expr) -> Iterator[str]:
    either = (text.body, text.orelse) if isinstance(text, ast.IfExp) else (text,)
    return (_with_places(one) for one in either)


def _with_places(text: ast.expr) -> str:
    """A text as the catalogue has it. Only literals have one: a name is an error's own text."""
    if not isinstance(text, ast.JoinedStr):
        return str(ast.literal_eval(text))
    said, taken = "", set[str]()
    for part in text.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            # {record.state.value} is called {state}; a name that is taken already grows.
            words = re.findall(r"[a-z_]+", ast.unparse(part.value).lower().removesuffix(".value"))
            place = words[-1]
            while place in taken:
                place += "_other"
            taken.add(place)
            said += f"{{{place}}}"
    return said


def write(catalogue: Catalogue, said: Iterable[Sentence]) -> None:
    """The catalogue with these sentences; what was translated stays."""
    known = read_po(catalogue.po)
    kept = {one: known.get(one, ("", "") if one.plural else ("",)) for one in sorted(set(said))}
    catalogue.po.parent.mkdir(parents=True, exist_ok=True)
    blocks = [f'msgid ""\nmsgstr {_quoted(_HEAD)}']
    for one, texts in kept.items():
        lines = [f"msgid {_quoted(one.text)}"]
        if one.plural:
            lines.append(f"msgid_plural {_quoted(one.plural)}")
            lines += [f"msgstr[{at}] {_quoted(text)}" for at, text in enumerate(texts)]
        else:
            lines.append(f"msgstr {_quoted(texts[0])}")
        blocks.append("\n".join(lines))
    catalogue.po.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    catalogue.mo.write_bytes(compiled(kept))


def read_po(path: Path) -> dict[Sentence, tuple[str, ...]]:
    """The sentences of a catalogue with their translations."""
    found: dict[Sentence, tuple[str, ...]] = {}
    if not path.exists():
        return found
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        parts: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if not line.startswith('"'):
                key, _, line = line.partition(" ")  # noqa: PLW2901 — the rest of the same line
            parts[key] = parts.get(key, "") + str(ast.literal_eval(line))
        if parts.get("msgid"):
            texts = [text for name, text in parts.items() if name.startswith("msgstr")]
            found[Sentence(parts["msgid"], parts.get("msgid_plural", ""))] = tuple(texts)
    return found


def compiled(known: Mapping[Sentence, tuple[str, ...]]) -> bytes:
    """A .mo file (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = {b"": _HEAD.encode()}
    for one, texts in known.items():
        if all(texts):
            msgid = f"{one.text}\0{one.plural}" if one.plural else one.text
            pairs[msgid.encode()] = "\0".join(texts).encode()
    ordered = sorted(pairs.items())
    ids = b"".join(msgid + b"\0" for msgid, _ in ordered)
    start = 28 + 16 * len(ordered)
    tables, at = [b"", b""], [start, start + len(ids)]
    for pair in ordered:
        for side, text in enumerate(pair):
            tables[side] += struct.pack("<II", len(text), at[side])
            at[side] += len(text) + 1
    head = struct.pack("<7I", 0x950412DE, 0, len(ordered), 28, 28 + 8 * len(ordered), 0, 0)
    return head + tables[0] + tables[1] + ids + b"".join(text + b"\0" for _, text in ordered)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main())
