"""Stories about the Containerfile. No engine is asked to build it: there is none on these machines."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]


def test_what_it_copies_is_there_and_let_in() -> None:
    allowed = [
        line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line[0] == "!"
    ]
    copied = [
        word
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]

    assert len(copied) == 6
    assert [one for one in copied if not (ROOT / one).exists()] == []
    assert [one for one in copied if not any(fnmatch.fnmatch(one, end) for end in allowed)] == []


def test_every_package_is_checked_against_its_hash() -> None:
    installs = re.findall(r"pip install [^&]*", TEXT)

    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_it_does_not_run_as_root() -> None:
    last = "\n".join(LINES).rpartition("FROM ")[2]

    assert "USER tripartite" in last
    assert last.index("USER tripartite") < last.index("ENTRYPOINT")


def test_what_runs_is_a_part_of_what_is_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(
                r"^([a-z0-9._-]+(?:\[[a-z,]+\])?==\S+)", (ROOT / name).read_text(), re.MULTILINE
            )
        )

    run = pins("requirements-run.lock")
    assert run <= pins("requirements.lock")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^a-z0-9-]", one)[0] for one in wanted}
    assert names <= {re.split(r"[=[]", one)[0] for one in run}, "run `make lock`"
