"""A terminal: what a guide says is typed there, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def commands(page: Path) -> list[str]:
    """The lines in a page's plain blocks, in order."""
    return _lines(page.read_text())


def commands_below(page: Path, heading: str) -> list[str]:
    """Those between this heading of the third level and the next heading."""
    after = page.read_text().split(f"\n### {heading}\n")[1]
    return _lines(after.split("\n##")[0] + "\n")


def _lines(text: str) -> list[str]:
    found = re.findall(r"^```([a-z]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for kind, block in found if not kind for line in block.splitlines()]


def typed(line: str, environment: Mapping[str, str], *, said: str = "", fails: bool = False) -> str:
    """What a line prints, on stdout or, if it has to fail, on stderr."""
    script = f'tripartite() {{ "$PYTHON" -c "$MAIN" "$@"; }}\n{line}\n'
    done = subprocess.run(
        ["bash", "-euc", script],  # noqa: S607 — the shell that an admin types into
        env={
            "PATH": os.environ["PATH"],
            "PYTHON": sys.executable,
            "MAIN": "from tripartite.cli.main import main; main()",
            **environment,
        },
        cwd=environment["HOME"],
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == int(fails), (line, done.stdout, done.stderr)
    return done.stderr if fails else done.stdout
