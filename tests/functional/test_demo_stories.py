"""``tripartite demo`` as people run it: as a process of its own, which leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tripartite.devnet import programs
from tripartite.devnet.waiting import until
from tripartite.domain.money import ATOMIC


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The directory for temporary files of a demo: so all that it starts names it somewhere."""
    place = tmp_path / "t"
    place.mkdir()
    return place


def test_the_demo_runs_one_escrow_to_its_end_and_leaves_nothing(place: Path) -> None:
    demo = start("--json", "--amount", "0.75", place=place)
    printed, progress = demo.communicate(timeout=240)

    assert demo.returncode == 0, progress
    outcome = json.loads(printed)
    assert outcome["state"] == "completed"
    assert int(outcome["received"]) == 75 * ATOMIC // 100 - int(outcome["fee"])
    assert outcome["confirmations"] >= 10
    assert outcome["deviations"] == []
    known = {(one["process"], one["fact"]): one["knows"] for one in outcome["claims"]}
    assert known["coordinator", "the amount"]
    assert not known["coordinator", "what is traded"]
    assert left_running(place) == []
    assert list(place.iterdir()) == []


def test_an_interrupted_demo_leaves_no_process_behind(place: Path) -> None:
    demo = start(place=place)
    read_until(demo, "make the 2-of-3 wallet …")
    assert len(left_running(place)) > 8, "the daemons of three agents, at the least"

    demo.send_signal(signal.SIGINT)

    printed, progress = demo.communicate(timeout=60)
    assert demo.returncode == 130, printed + progress
    assert left_running(place) == []
    assert list(place.iterdir()) == []


def test_a_demo_told_to_end_while_it_starts_leaves_no_process_behind(place: Path) -> None:
    demo = start(place=place)
    until(lambda: bool(list(place.rglob("wallet-rpc.log"))), seconds=60)

    demo.send_signal(signal.SIGTERM)

    printed, progress = demo.communicate(timeout=60)
    assert demo.returncode == 130, printed + progress
    assert left_running(place) == []


def test_a_demo_that_is_killed_takes_everything_with_it(place: Path) -> None:
    demo = start(place=place)
    until(lambda: bool(list(place.rglob("slot-1/wallet-rpc.log"))), seconds=120)

    demo.kill()
    demo.communicate(timeout=60)

    until(lambda: left_running(place) == [], seconds=60, what="the daemons' end")


def start(*options: str, place: Path) -> subprocess.Popen[str]:
    """A demo in a process group of its own."""
    return subprocess.Popen(
        programs.command("demo", *options),
        env=programs.surroundings(place, {"TMPDIR": str(place), "COLUMNS": "200"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_until(demo: subprocess.Popen[str], words: str) -> None:
    """Read its lines up to the one with these words."""
    assert demo.stdout is not None
    told: list[str] = []
    for line in demo.stdout:
        told.append(line)
        if words in line:
            return
    pytest.fail(f"it never said {words!r} but:\n{''.join(told)}")


def left_running(place: Path) -> list[str]:
    """The command lines of all processes that name ``place`` in command line or environment."""
    found: list[str] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes()
            surroundings = (process / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile, or isn't ours
        if command and bytes(place) in command + surroundings:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found
