"""Daemons that we start are ready when we say so, and never outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.daemons import NOBODY, until
from tripartite.domain.parties import Network
from tripartite.monero.processes import MonerodProcess, WalletRpcProcess
from tripartite.monero.supervision import (
    DaemonDied,
    DaemonNotReady,
    PortTaken,
    ProgramMissing,
    Supervised,
    free_port,
)


def alive(pid: int) -> bool:
    """Whether that process runs; one that ended and awaits its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_node_comes_back_with_its_chain_on_its_port(tmp_path: Path) -> None:
    with MonerodProcess.start(tmp_path) as first, first.client() as chain:
        chain.generate_blocks(3, NOBODY)
        top = chain.get_last_block_header()
    assert not alive(first.daemon.pid)
    with (
        MonerodProcess.start(tmp_path, port=first.port) as second,
        second.client() as chain,
    ):
        assert second.url == first.url
        assert chain.get_last_block_header() == top
    assert second.daemon.crash_marks() == []


def test_a_taken_port_is_said_to_be_taken(tmp_path: Path) -> None:
    with MonerodProcess.start(tmp_path / "first") as first:
        with pytest.raises(PortTaken):
            WalletRpcProcess.start(
                tmp_path / "wallet", node_url=first.url, network=Network.REGTEST, port=first.port
            )
        with pytest.raises(PortTaken):
            MonerodProcess.start(tmp_path / "second", port=first.port)


def test_a_daemon_that_dies_is_reported_with_its_own_words(tmp_path: Path) -> None:
    daemon = Supervised(
        ["monerod", "--no-such-option"], log=tmp_path / "log", console=tmp_path / "console"
    )
    with pytest.raises(DaemonDied) as death:
        daemon.wait_until(lambda: False, seconds=30)
    assert "no-such-option" in death.value.detail


def test_a_daemon_that_never_answers_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    daemon = Supervised(["sleep", "60"], log=tmp_path / "log", console=tmp_path / "console")
    with pytest.raises(DaemonNotReady):
        daemon.wait_until(lambda: False, seconds=0.2)
    daemon.kill()
    assert not alive(daemon.pid)


def test_a_daemon_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    console = tmp_path / "console"
    daemon = Supervised(
        ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
        log=tmp_path / "log",
        console=console,
    )
    until(lambda: "deaf" in console.read_text())
    daemon.stop(seconds=0.3)
    assert not alive(daemon.pid)


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match="monero-no-such"):
        Supervised(["monero-no-such"], log=tmp_path / "log", console=tmp_path / "console")


PARENT = """
import sys, threading
from pathlib import Path
from tripartite.domain.parties import Network
from tripartite.monero.processes import WalletRpcProcess

def start():
    wallet = WalletRpcProcess.start(
        Path(sys.argv[1]), node_url="http://127.0.0.1:1", network=Network.REGTEST
    )
    print(wallet.daemon.pid, flush=True)
    kept.append(wallet)

kept = []
thread = threading.Thread(target=start)
thread.start()
thread.join()
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_ends_with_its_parent_however_that_ends(tmp_path: Path, end: int) -> None:
    """It does not end with the thread that started it, though."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        daemon = int(parent.stdout.readline())
        assert alive(daemon)
        os.kill(parent.pid, end)
        parent.wait()
        until(lambda: not alive(daemon))


def test_ports_are_free() -> None:
    assert len({free_port() for _ in range(10)}) > 1
