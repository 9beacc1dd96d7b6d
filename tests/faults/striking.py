"""Who can be killed, how, and how it is started again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.faults.stopping import LOSE
from tests.faults.switchboard import Kill, Stopped, Switchboard
from tripartite.devnet import programs
from tripartite.devnet.community import Community
from tripartite.devnet.network import Devnet
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Role

COORDINATOR = "coordinator"
MONEROD = "monerod"
WALLETS = "wallets"
MACHINE = "machine"
"""A party's agent and all its wallets, at once, as when the power fails."""

START_TRIES = 3


def agent(role: Role) -> str:
    """The name of a party's agent, the process alone: its guards end the wallets in order."""
    return f"{role.value} agent"


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
        self.switchboard = Switchboard(devnet.directory / "faults.socket", self.strike)
        self.failures: list[BaseException] = []
        self._reviving: list[threading.Thread] = []

    def open(self) -> None:
        """Put the programs with points in place of the plain ones."""
        socket = str(self.switchboard.path)
        self.switchboard.open()
        self.community.coordinator.entry = (
            sys.executable, "-m", "tests.faults.coordinator", socket,
        )  # fmt: skip
        for role, party in self.community.parties.items():
            party.entry = (sys.executable, "-m", "tests.faults.agent", agent(role), socket)
        self._restart_all()

    def close(self) -> None:
        """Everybody is plain again."""
        self.switchboard.close()
        self.switchboard.path.unlink()
        self.community.coordinator.entry = programs.OWN
        for party in self.community.parties.values():
            party.entry = programs.OWN
        self._restart_all()

    def settle(self) -> None:
        """Wait until everybody who was killed runs again. Raises what went wrong in that."""
        with self.switchboard.peace:
            threads, self._reviving = self._reviving, []
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures.pop()

    def all_run(self) -> bool:
        """Whether nobody is down."""
        return not any(thread.is_alive() for thread in self._reviving)

    def strike(self, kill: Kill, stopped: Stopped) -> str:
        """Kill the victim, let somebody start it again; what the one at the point is told."""
        victim = kill.victim
        if victim == COORDINATOR:
            self.community.coordinator.kill()
            self._revive(self.community.coordinator.start)
        elif victim == MONEROD:
            self.devnet.chain.kill()
            self._revive(self.devnet.chain.start_again)
        else:
            self._strike_party(victim)
        return LOSE if _answer_is_lost(kill) else "go"

    def _strike_party(self, victim: str) -> None:
        name, _, what = victim.partition(" ")
        party = self.community[Role(name)]
        if party.pid is None:
            return
        children = wallet_rpcs_of(party.pid)
        if what == WALLETS:
            # Its agent finds that out, and starts them again.
            for pid in children:
                _send(pid, signal.SIGKILL)
            return
        if what == MACHINE:
            # Held first: else their guards would let them save themselves.
            for pid in children:
                _send(pid, signal.SIGSTOP)
        party.kill()
        if what == MACHINE:
            for pid in children:
                _send(pid, signal.SIGKILL)
        self._revive(party.start)

    def _revive(self, start: Callable[[], None]) -> None:
        def again() -> None:
            for tries_left in reversed(range(START_TRIES)):
                try:
                    start()
                except TripartiteError as error:
                    if not tries_left:
                        self.failures.append(error)
                else:
                    return

        thread = threading.Thread(target=again, name="reviving")
        self._reviving.append(thread)
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


def wallet_rpcs_of(pid: int) -> list[int]:
    """The wallet-rpc processes that an agent started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if _name(child).startswith("monero-wallet")]


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
