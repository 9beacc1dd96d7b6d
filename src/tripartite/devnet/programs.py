"""Our own programs as processes of their own: their command line, surroundings and log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tripartite.monero.supervision import Supervised, crash_marks

# What a program of ours needs from the surroundings; its settings are all given by us.
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")

# The words of Python's own last line of defence, and of our logger for what nobody caught.
_UNHANDLED: Final = re.compile(
    r"^Traceback \(most recent call last\)|^Exception in thread|^Fatal Python error"
    r'|"exception": \[|"level": "critical"',
    re.MULTILINE,
)

_SHOWN: Final = 2_000
"""Characters shown of a traceback."""


OWN: Final = (sys.executable, "-c", "from tripartite.cli.main import main; main()")
"""How ``tripartite`` is called, with the Python that runs us."""


def command(*arguments: str, entry: Sequence[str] = OWN) -> list[str]:
    """The words of a command line."""
    return [*entry, *arguments]


def surroundings(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program that must find nothing but ``home`` and ``settings``."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, "HOME": str(home), "PYTHONUNBUFFERED": "1", **settings}


def start(
    *arguments: str,
    directory: Path,
    name: str,
    settings: Mapping[str, str],
    entry: Sequence[str] = OWN,
) -> Supervised:
    """Start ``tripartite …``; what it prints is added to ``directory/name.log``.

    ``entry`` is for tests that put another program in its place.
    """
    return Supervised(
        command(*arguments, entry=entry),
        log=directory / f"{name}.none",
        console=directory / f"{name}.log",
        environment=surroundings(directory, settings),
    )


def run(
    *arguments: str, directory: Path, settings: Mapping[str, str], seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run ``tripartite …`` to its end, its output kept apart from its errors."""
    return subprocess.run(
        command(*arguments),
        env=surroundings(directory, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def troubles(directory: Path) -> list[str]:
    """What the logs below ``directory`` say of crashes and of exceptions that nobody caught."""
    found: list[str] = []
    for log in sorted((*directory.rglob("*.log"), *directory.rglob("*.console"))):
        name = log.relative_to(directory)
        found += [f"{name}: {line}" for line in crash_marks(log)]
        text = log.read_text(errors="replace")
        for match in _UNHANDLED.finditer(text):
            start = text.rfind("\n", 0, match.start()) + 1
            found.append(f"{name}: {text[start : start + _SHOWN]}")
    return found


def log_tails(directory: Path, *, lines: int = 6) -> str:
    """The last lines of every log below ``directory``."""
    parts: list[str] = []
    for log in sorted((*directory.rglob("*.log"), *directory.rglob("*.console"))):
        last = log.read_text(errors="replace").splitlines()[-lines:]
        if last:
            parts.append("\n".join((f"== {log.relative_to(directory)}", *last)))
    return "\n".join(parts)
