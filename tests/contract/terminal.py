"""A terminal: what a guide says is typed there, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def commands(page: Path, *, but: str = "") -> list[str]:
    """The lines in a page's blocks, in order; without the part whose heading is ``but``."""
    text = page.read_text()
    if but:
        text, missing = re.subn(rf"\n### {but}\n.*?(?=\n##)", "", text, flags=re.DOTALL)
        assert missing
    found = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    return [line for block in found for line in block.splitlines()]


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
