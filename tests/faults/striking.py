"""Who can be killed, how, and how it is started again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.faults.stopping import LOSE
from tests.faults.switchboard import Kill, Stopped, Switchboard
from tripartite.devnet import programs
from tripartite.devnet.community import Community
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import Party
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.parties import Role

COORDINATOR = "coordinator"
MONEROD = "monerod"
WALLETS = "wallets"
MACHINE = "machine"
"""A party's agent and all its wallets, at once, as when the power fails."""

REVIVAL_SECONDS = 120.0
"""How long somebody tries to start again what was killed."""
_AGENT = " agent"
_TRIES = 20


def agent(role: Role) -> str:
    """The name of a party's agent, the process alone: its guards end the wallets in order."""
    return f"{role.value}{_AGENT}"


def wallets(role: Role) -> str:
    """The name of a party's wallet-rpc processes, all of them."""
    return f"{role.value} {WALLETS}"


def machine(role: Role) -> str:
    """The name of a party's agent and wallets together."""
    return f"{role.value} {MACHINE}"


VICTIMS = (
    COORDINATOR,
    MONEROD,
    *(name(role) for role in Role for name in (agent, wallets, machine)),
)


class Arena:
    """A devnet whose agents and coordinator stop at points."""

    def __init__(self, devnet: Devnet, community: Community) -> None:
        """Use ``open``; the processes are started anew for it."""
        self.devnet = devnet
        self.community = community
        self.switchboard = Switchboard(devnet.directory / "faults.socket", self)
        self.agent_program = "tests.faults.agent"
        """The module that is started as each party's agent."""
        self.failures: list[BaseException] = []
        self.income: dict[Role, dict[str, int]] = {}
        """What each party's own wallet had got at the last look: piconero by transaction id."""
        self.suspect = False
        """Whether an escrow failed here, so that somebody wants to read the logs."""
        self._reviving: list[threading.Thread] = []
        self._last_revival: dict[str, threading.Thread] = {}

    def open(self) -> None:
        """Put the programs with points in place of the plain ones."""
        socket = str(self.switchboard.path)
        self.switchboard.open()
        self.community.coordinator.entry = (
            sys.executable, "-m", "tests.faults.coordinator", socket,
        )  # fmt: skip
        for role, party in self.community.parties.items():
            party.entry = (sys.executable, "-m", self.agent_program, agent(role), socket)
        self._restart_all()

    def close(self) -> None:
        """Everybody is plain again."""
        self.switchboard.close()
        self.switchboard.path.unlink()
        self.community.coordinator.entry = programs.OWN
        for party in self.community.parties.values():
            party.entry = programs.OWN
        self._restart_all()

    def look_into_purses(self) -> dict[Role, dict[str, int]]:
        """What each party's own wallet ever got."""
        purses = self.devnet.purses
        self.income = {role: patiently(partial(purses.income, role)) for role in Role}
        return self.income

    def settle(self) -> None:
        """Wait until everybody who was killed runs again. Raises what went wrong in that."""
        with self.switchboard.peace:
            threads, self._reviving = self._reviving, []
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures.pop()

    def await_victim(self, kill: Kill) -> None:
        """Wait until a victim that is being started runs: nobody can kill what is down.

        Not for one that would be killed at its own point: that isn't the one being started.
        """
        process = _process(kill.victim)
        revival = self._last_revival.get(process)
        if revival is not None and process != kill.point.who:
            revival.join(REVIVAL_SECONDS)

    def strike(self, kill: Kill, stopped: Stopped) -> str | None:
        """Kill the victim, let somebody start it again; what the one at the point is told.

        None if nobody was killed: who stood at the point died meanwhile, or the victim is down.
        """
        if not _lives(stopped.pid) or not self._end(kill, stopped.pid):
            return None
        return LOSE if _answer_is_lost(kill) else "go"

    def _end(self, kill: Kill, pid: int) -> bool:
        victim = _process(kill.victim)
        if victim == MONEROD:
            if not self.devnet.chain.process.daemon.running:
                return False
            self.devnet.chain.kill()
            self._revive(victim, self.devnet.chain.start_again)
            return True
        process: CoordinatorProcess | Party
        if victim == COORDINATOR:
            process = self.community.coordinator
        else:
            process = self.community[Role(victim.removesuffix(_AGENT))]
        if process.pid is None or (victim == kill.point.who and process.pid != pid):
            return False
        if isinstance(process, Party):
            return self._end_party(process, process.pid, kill.victim)
        process.kill()
        self._revive(victim, process.start)
        return True

    def _end_party(self, party: Party, pid: int, victim: str) -> bool:
        children = wallet_rpcs_of(pid)
        if victim == wallets(party.role):
            # Its agent finds that out, and starts them again.
            for child in children:
                _send(child, signal.SIGKILL)
            return bool(children)
        if victim == machine(party.role):
            # Held first: else their guards would let them save themselves.
            for child in children:
                _send(child, signal.SIGSTOP)
        party.kill()
        if victim == machine(party.role):
            for child in children:
                _send(child, signal.SIGKILL)
        self._revive(agent(party.role), party.start)
        return True

    def _revive(self, process: str, start: Callable[[], None]) -> None:
        def again() -> None:
            # An agent doesn't start without the node, which may be down as well.
            deadline = time.monotonic() + REVIVAL_SECONDS
            while True:
                try:
                    start()
                except TripartiteError as error:
                    if time.monotonic() > deadline:
                        self.failures.append(error)
                        return
                else:
                    return

        thread = threading.Thread(target=again, name=f"reviving {process}")
        self._reviving.append(thread)
        self._last_revival[process] = thread
        thread.start()

    def _restart_all(self) -> None:
        self.community.coordinator.stop()
        self.community.coordinator.start()
        threads = [
            threading.Thread(target=lambda one=party: (one.stop(), one.start()))
            for party in self.community.parties.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


_Answer = TypeVar("_Answer")


def patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Ask somebody's own wallet again when its node was killed since it asked that the last time."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except Unavailable:
            time.sleep(1.0)
    return ask()


def wallet_rpcs_of(pid: int) -> list[int]:
    """The wallet-rpc processes that an agent started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if _name(child).startswith("monero-wallet")]


def _process(victim: str) -> str:
    """The process that ``victim`` belongs to: the agent, for its wallets and its machine."""
    if victim in (COORDINATOR, MONEROD):
        return victim
    return agent(Role(victim.partition(" ")[0]))


def _lives(pid: int) -> bool:
    """Whether it runs: what we killed was waited for, so nothing is left of it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _name(pid: int) -> str:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _answer_is_lost(kill: Kill) -> bool:
    """Whether the victim is who just answered the one at the point."""
    called = kill.point.name.partition(": after ")[2].partition(" ")[0]
    return (called == "wallet" and kill.victim.endswith(WALLETS)) or (
        called == "node" and kill.victim == MONEROD
    )
