"""Write what is drawn from the code (pages of ``docs/``, a dashboard), or say what is stale.

    python scripts/generate_docs.py            write them
    python scripts/generate_docs.py --check    exit 1 when one differs from the code

The code is the one place where a fact stands; these pages show it to people.

Past 400 lines because each page is one function, and what they share is how a table looks.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import json
import os
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import django

import tripartite
from tripartite.cli.exits import Exit
from tripartite.coordinator import settings_table
from tripartite.coordinator.doctor.report import WEIGHTS, Check, Verdict
from tripartite.coordinator.ops.metrics import catalogue
from tripartite.coordinator.ops.metrics.catalogue import Metric, Source
from tripartite.domain import errors, lifecycle
from tripartite.domain.lifecycle import Effect, Row, State, Teller
from tripartite.domain.parties import Role

ROOT: Final = Path(__file__).resolve().parent.parent
SETTINGS: Final = "tripartite.coordinator.settings"
NOTICE: Final = "<!-- Written by `make docs` from {source}. Change that, not this page. -->\n"


def import_everything() -> None:
    """Import every module of the package, so that all error classes are known.

    Django models can only be imported once Django is set up. Entry points (``__main__``) and
    migrations define no errors and are left alone.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    os.environ.setdefault(
        "TRIPARTITE_SETTINGS_FILE", ""
    )  # not that of a coordinator of this machine
    django.setup()
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


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _codes(values: Iterable[StrEnum | str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _member_docs(enum: type[StrEnum]) -> Mapping[str, str]:
    """The text below each member that has one, by the member's name.

    Python keeps no docstring for a member, so it is read from the source.
    """
    (class_,) = ast.parse(textwrap.dedent(inspect.getsource(enum))).body
    assert isinstance(class_, ast.ClassDef)
    found = {}
    for member, below in itertools.pairwise(class_.body):
        match member, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found


def _diagram(rows: Iterable[Row]) -> list[str]:
    """The rows that change the state, one arrow for each pair of states."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for row in rows:
        if row.next is not row.state:
            arrows.setdefault((row.state, row.next), []).append(row.event.value)
    return [
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {lifecycle.FIRST_STATE}",
        *(
            f"    {before} --> {after}: {' or '.join(events)}"
            for (before, after), events in arrows.items()
        ),
        *(f"    {state} --> [*]" for state in State if state in lifecycle.PAID_OUT),
        "```",
    ]


def _lifecycle_page() -> str:
    states = _table(
        ["state", "meaning", "may hold money", *(f"{role} may" for role in Role)],
        (
            [
                f"`{state}`",
                state.meaning,
                "yes" if state in lifecycle.MAY_HOLD_MONEY else "",
                *(_codes(lifecycle.verbs(state, role)) for role in Role),
            ]
            for state in State
        ),
    )
    rows = _table(
        ["in state", "event", "told by", "next", "what has to be done"],
        (
            [
                f"`{row.state}`",
                f"`{row.event}`",
                # A set has no order of its own: the order of declaration is the same every time.
                _codes(teller for teller in Teller if teller in row.by),
                f"`{row.next}`" if row.next is not row.state else "stays",
                _codes(row.effects),
            ]
            for row in lifecycle.ROWS
        ),
    )
    names = [
        f"- `{member}`: {text}"
        for enum in (Teller, Effect)
        for name, text in _member_docs(enum).items()
        for member in [enum[name]]
    ]
    return "\n".join(
        [
            "# The life of an escrow",
            "",
            NOTICE.format(source="`src/tripartite/domain/lifecycle.py`"),
            "A state changes only by a row of the table below. What isn't there can't happen.",
            "",
            "## States, and what each party may decide in them",
            "",
            *states,
            "",
            "## Ways from state to state",
            "",
            *_diagram(lifecycle.ROWS),
            "",
            "## The table",
            "",
            *rows,
            "",
            *names,
            "",
        ]
    )


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
        lines += _table(
            ["code", "title", "raised in"],
            ([f"`{leaf.code}`", leaf.title(), f"`{leaf.__module__}`"] for leaf in leaves),
        )
    return "\n".join(lines) + "\n"


def _metrics_page() -> str:
    def rows(metrics: Iterable[Metric]) -> list[str]:
        return _table(
            ["name", "type", "labels", "what", "whose"],
            (
                [
                    f"`{row.name}`",
                    row.kind.value,
                    _codes(row.labels),
                    " ".join(filter(None, (_sentence(row.help), row.meaning, _bounds(row)))),
                    row.source.value,
                ]
                for row in metrics
            ),
        )

    sources = [f"- `{Source[name]}`: {text}" for name, text in _member_docs(Source).items()]
    return "\n".join(
        [
            "# Metrics",
            "",
            NOTICE.format(source="`src/tripartite/coordinator/ops/metrics/catalogue.py`"),
            "`GET /metrics` on `TRIPARTITE_METRICS_HOST`:`TRIPARTITE_METRICS_PORT` gives these in",
            "Prometheus' text format. [Monitoring](guides/monitoring.md) says how to use them.",
            "",
            "No label and no value is a person, an escrow, an address, a transaction, an amount or",
            "an onion name. States are those of [the lifecycle](lifecycle.md).",
            "",
            "## Of the requirement document",
            "",
            *rows(catalogue.OF_THE_SPEC),
            "",
            "## Others",
            "",
            *rows(catalogue.OURS),
            "",
            "Whose a figure is:",
            "",
            *sources,
            "",
        ]
    )


def _doctor_page() -> str:
    said = {enum: _member_docs(enum) for enum in (Check, Verdict)}
    return "\n".join(
        [
            "# What `tripartite doctor` looks at",
            "",
            NOTICE.format(source="`src/tripartite/coordinator/doctor/report.py`"),
            "Run it on the coordinator's machine, as its user, with its settings. It changes nothing.",
            "",
            "```",
            "tripartite doctor            for people",
            "tripartite doctor --json     for programs",
            "tripartite doctor --quick    believe the running check of the event log",
            "```",
            "",
            "## Checks",
            "",
            *_table(
                ["check", "well is", "weight"],
                ([f"`{one}`", said[Check][one.name], str(WEIGHTS[one])] for one in Check),
            ),
            "",
            "## Verdicts",
            "",
            *(f"- `{one}`: {said[Verdict][one.name]}" for one in Verdict),
            "",
            "A check counts as the worst that was found of it. The score is what was seen to be good, by",
            "weight, of 100; weak counts half, unknown nothing.",
            "",
            "It ends with 3 if something was tampered with, else with 1 if something is bad, else with 75",
            "if something is unknown, else with 0.",
            "",
        ]
    )


def _commands_page() -> str:
    from tripartite.cli.tree import leaves  # noqa: PLC0415 — demo and others import much

    rows = _table(
        ["command", "what it does", "`--json`"],
        (
            [
                f"`tripartite {' '.join(leaf.words)}`",
                leaf.summary.replace("|", "\\|"),
                "yes" if "--json" in leaf.options else "",
            ]
            for leaf in leaves()
        ),
    )
    return "\n".join(
        [
            "# Commands",
            "",
            NOTICE.format(source="`src/tripartite/cli/`"),
            "`tripartite COMMAND --help` says more about each, and shows an example. Figures and lists",
            "go to stdout, words for people about what happens go to stderr.",
            "",
            *rows,
            "",
            "## How they end",
            "",
            *_table(["code", "meaning"], ([f"`{one.value}`", one.meaning] for one in Exit)),
            "",
            "## Completion",
            "",
            "`tripartite --install-completion` lets your shell (bash, zsh, fish) complete commands and",
            "options; `tripartite --show-completion` prints what it would install.",
            "",
        ]
    )


def _settings_file() -> str:
    lines = [
        "# Settings of a Tripartite coordinator: /etc/tripartite/tripartite.toml, mode 0640, group",
        "# tripartite, as it may hold logins. Written by `make docs` from",
        "# src/tripartite/coordinator/settings_table.py; change your copy, not this one.",
        "#",
        "# A line that is commented out shows the default or, where it says so, an example. Environment",
        "# variables overrule this file: TRIPARTITE_PORT=8800 stands for port = 8800. What isn't listed",
        "# here is refused, so a misspelt name stops the start.",
    ]
    for setting in settings_in_file():
        lines += ["", *textwrap.wrap(setting.help, 96, initial_indent="# ", subsequent_indent="# ")]
        shown = setting.example or setting.default.replace("<DATA_DIR>", _DATA_DIR)
        told = [setting.type]
        if setting.default and shown != setting.default:
            told.append(f"default {setting.default}")
        if shown:
            told.append("example:" if shown != setting.default else "default:")
        lines.append(f"# {'; '.join(told)}")
        active = "" if setting.name in _CHOSEN else "#"
        lines.append(f"{active}{setting.name.lower()} = {_toml(setting, shown)}")
    return "\n".join(lines) + "\n"


# What the units in deploy/systemd go by has to be said; all else has a default that works.
_CHOSEN: Final = frozenset({"DATA_DIR"})
_DATA_DIR: Final = next(one.example for one in settings_table.SETTINGS if one.name == "DATA_DIR")


def settings_in_file() -> list[settings_table.Setting]:
    """The settings that the file may hold: all but its own name."""
    return [one for one in settings_table.SETTINGS if one.name != "SETTINGS_FILE"]


def _toml(setting: settings_table.Setting, text: str) -> str:
    """A default or example as a TOML value. TOML and JSON write texts and lists in the same way."""
    if "comma-separated" in setting.type:
        values = [int(one) if one.isdigit() else one for one in filter(None, text.split(","))]
        return json.dumps(values, ensure_ascii=False)
    return text if text.isdigit() else json.dumps(text, ensure_ascii=False)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _bounds(metric: Metric) -> str:
    if not metric.buckets:
        return ""
    return f"Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)} s."


def _dashboard() -> str:
    # Run as a script, Python finds only what stands beside this file.
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from scripts import dashboard  # noqa: PLC0415 — see above

    return dashboard.draw()


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/commands.md": _commands_page,
    "docs/doctor.md": _doctor_page,
    "docs/errors.md": _errors_page,
    "docs/lifecycle.md": _lifecycle_page,
    "docs/metrics.md": _metrics_page,
    "deploy/grafana/grafana-dashboard.json": _dashboard,
    "deploy/tripartite.toml": _settings_file,
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
