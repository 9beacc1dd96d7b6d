"""What a page of the coordinator can say no with, found by reading the source.

From every function of ``coordinator/pages`` it follows the names that are called or mentioned, from
module to module, to each place that makes an error with a ``code``. That is rather too much than too
little: a name that is mentioned counts as called. What nobody can meet on a page stands in
``UNMET``, with the reason; everything else belongs into the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

PAGES: Final = "tripartite.coordinator.pages"
OTHERS: Final = (
    # What an attach process answers to a registration is kept, and shown later.
    ("tripartite.attach.registrar", "told"),
    # Called by django-allauth, whose pages are ours.
    ("tripartite.coordinator.accounts.second_factors", "SecondFactorAdapter"),
    ("tripartite.coordinator.accounts.second_factors", "seal_row"),
    ("tripartite.coordinator.accounts.second_factors", "check_row"),
)
"""What a page shows without calling it."""

_AT_START: Final = "a setting, judged before there is a page"
_ON_RECORD: Final = "judged when it came in; a page reads what was taken"
_NODE: Final = "an answer of the node or its absence: a case says it by its code"

UNMET: Final[Mapping[str, str]] = {
    "SettingInvalid": _AT_START,
    "DurationsInvalid": _AT_START,
    "ConfirmationTiersInvalid": _AT_START,
    "ConfirmationsOutOfRange": _AT_START,
    "ProxyUnsuitable": _AT_START,
    "RpcUrlInvalid": _AT_START,
    "MethodForbidden": _AT_START,
    "BodyMalformed": _ON_RECORD,
    "EnvelopeMalformed": _ON_RECORD,
    "IdentityMalformed": _ON_RECORD,
    "NotCanonical": _ON_RECORD,
    "SignatureInvalid": _ON_RECORD,
    "TermsUnsound": _ON_RECORD,
    "NotAParty": _ON_RECORD,
    "DepositInvalid": _ON_RECORD,
    "TimeNotUtc": _ON_RECORD,
    "ReleaseUnderpaid": "a page reckons with the agreed amount, as if all of it were there",
    "NothingToPayOut": "a page reckons with the agreed amount, as if all of it were there",
    "SessionOver": "said to a script that listens",
    "VersionUnreadable": _NODE,
    "DaemonBusy": _NODE,
    "DaemonNotOk": _NODE,
    "NodeMissing": _NODE,
    "NodeOfAnotherNetwork": _NODE,
    "RpcAnswerUnreadable": _NODE,
    "RpcConnectionLost": _NODE,
    "RpcTimedOut": _NODE,
    "RpcUnreachable": _NODE,
    "UnknownRpcError": _NODE,
    "WrongCredentials": _NODE,
}
"""Names of errors that nobody meets on a page, and why not."""

Name = tuple[str, str]
"""A module, and something that it defines at its top level."""


@dataclass(frozen=True)
class Raised:
    """An error that is made somewhere, with its title and its text as written."""

    error: str
    title: str
    text: ast.expr


def refusals(source: Path) -> list[Raised]:
    """All that a page below ``source`` (the directory of the package) can show."""
    reading = Reading(source)
    pages = [(module, name) for module in reading.modules if module.startswith(PAGES)
             for name in reading.modules[module].defined]  # fmt: skip  # reads as one
    found = [one for one in reading.raised_from([*pages, *OTHERS]) if one.error not in UNMET]
    return sorted(found, key=lambda one: (one.error, ast.unparse(one.text)))


@dataclass(frozen=True)
class Module:
    """What a module defines, and what it calls by which name."""

    defined: Mapping[str, ast.stmt]
    imported: Mapping[str, Name]
    """A module that was imported whole has "" for its second part."""


class Reading:
    """The modules of a package, read once."""

    def __init__(self, source: Path) -> None:
        self._source = source

    @cached_property
    def modules(self) -> Mapping[str, Module]:
        """By dotted name. Migrations say nothing to anybody."""
        paths = {
            self._dotted(path): path
            for path in self._source.rglob("*.py")
            if "migrations" not in path.parts
        }
        return {name: self._module(path, paths.keys()) for name, path in paths.items()}

    def raised_from(self, starts: list[Name]) -> Iterator[Raised]:
        """The errors with a code that are made in whatever can be reached from there."""
        seen: set[Name] = set()
        waiting = list(starts)
        while waiting:
            here = waiting.pop()
            module = self.modules.get(here[0])
            if here in seen or module is None or here[1] not in module.defined:
                continue
            seen.add(here)
            node = module.defined[here[1]]
            waiting += _mentioned(here[0], module, node)
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and call.args:
                    for name in _mentioned(here[0], module, call.func):
                        if (title := self._title(name)) is not None:
                            yield Raised(name[1], title, call.args[0])

    def _title(self, name: Name) -> str | None:
        """As ``TripartiteError.title`` says it; None for what isn't an error with a code."""
        node = self.modules[name[0]].defined.get(name[1]) if name[0] in self.modules else None
        if not isinstance(node, ast.ClassDef):
            return None
        codes = [
            one
            for one in node.body
            if isinstance(one, ast.AnnAssign | ast.Assign)
            and "code" in [ast.unparse(to) for to in _targets(one)]
        ]
        text = ast.get_docstring(node)
        # A table may have a column of that name; it is no text.
        if not codes or not isinstance(codes[0].value, ast.Constant) or text is None:
            return None
        return text.splitlines()[0].rstrip(".")

    def _dotted(self, path: Path) -> str:
        parts = path.relative_to(self._source.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _module(self, path: Path, known: Container[str]) -> Module:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported: dict[str, Name] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    whole = f"{node.module}.{one.name}"
                    imported[one.asname or one.name] = (
                        (whole, "") if whole in known else (node.module, one.name)
                    )
        defined = {name: node for node in tree.body for name in _names_of(node)}
        return Module(defined, imported)


def _names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (one.id for one in _targets(node) if isinstance(one, ast.Name))


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _mentioned(here: str, module: Module, node: ast.AST) -> Iterator[Name]:
    """The names of ours in a piece of source."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            if one.id in module.imported:
                yield module.imported[one.id]
            elif one.id in module.defined:
                yield here, one.id
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            of, part = module.imported.get(one.value.id, ("", ""))
            if of and not part:
                yield of, one.attr
