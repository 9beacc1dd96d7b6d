"""Write the pages of ``docs/`` that are drawn from the code, or say which are stale.

    python scripts/generate_docs.py            write them
    python scripts/generate_docs.py --check    exit 1 when one differs from the code

The code is the one place where a fact stands; these pages show it to people.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import tripartite
from tripartite.domain import errors

ROOT: Final = Path(__file__).resolve().parent.parent
SETTINGS: Final = "tripartite.coordinator.settings"
NOTICE: Final = "<!-- Written by `make docs` from {source}. Change that, not this page. -->\n"


def import_everything() -> None:
    """Import every module of the package, so that all error classes are known.

    Django models can only be imported once Django is set up. Entry points (``__main__``) and
    migrations define no errors and are left alone.
    """
    if importlib.util.find_spec(SETTINGS) is not None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
        importlib.import_module("django").setup()
    for module in pkgutil.walk_packages(tripartite.__path__, "tripartite."):
        if not {"__main__", "migrations"} & set(module.name.split(".")):
            importlib.import_module(module.name)


def error_leaves() -> Iterator[type[errors.TripartiteError]]:
    """Every error class with a code that belongs to the package, doubles included.

    ``errors.leaves()`` has one class per code; a test wants to see two classes that share one.
    """
    waiting = errors.TripartiteError.__subclasses__()
    while waiting:
        leaf = waiting.pop()
        waiting.extend(leaf.__subclasses__())
        if leaf.code and leaf.__module__.startswith("tripartite."):
            yield leaf


def _errors_page() -> str:
    import_everything()
    lines = [
        "# Errors",
        "",
        NOTICE.format(source="the error classes"),
        "Programs match on `code`, which never changes; people read the title, and the detail",
        "that comes with it says what to do next. Over HTTP each is an RFC 9457 problem.",
    ]
    for branch in (errors.Refused, errors.Unavailable, errors.Tampered):
        lines += ["", f"## {branch.__name__}", "", f"{branch.title()}.", ""]
        leaves = [
            leaf for leaf in errors.leaves(branch) if leaf.__module__.startswith("tripartite.")
        ]
        if not leaves:
            continue
        lines += ["| code | title | raised in |", "|---|---|---|"]
        lines += [f"| `{leaf.code}` | {leaf.title()} | `{leaf.__module__}` |" for leaf in leaves]
    return "\n".join(lines) + "\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/errors.md": _errors_page,
}


def stale_pages() -> list[str]:
    """Names of the generated pages that differ from what the code says now."""
    return [
        page
        for page, draw in PAGES.items()
        if not (ROOT / page).exists() or (ROOT / page).read_text() != draw()
    ]


def main() -> int:
    """Write the pages, or with ``--check`` only compare them."""
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    if parser.parse_args().check:
        stale = stale_pages()
        for page in stale:
            print(f"{page} differs from the code: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for page, draw in PAGES.items():
        (ROOT / page).write_text(draw())
    return 0


if __name__ == "__main__":
    sys.exit(main())
