"""Takes the samples: bare script and agents by turns, then the relay."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.agents import Setup, Trio
from benchmarks.ceremony import Making, making_seen
from benchmarks.figures import Compared, Figure
from benchmarks.raw import RawParties, RawSetup
from benchmarks.relay import RelayFigures, measure_relay
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.monero.processes import MonerodProcess

# As many wallets as an agent keeps ready by default (agent.desk.Pace).
_PREPARED: Final = 2
_FEWEST: Final = 1
"""Samples that are taken however long they take."""
_RELAY_BATCHES: Final = 3
_RELAY_ESCROWS: Final = 100


class NotPrepared(Exception):
    """An agent made or opened a wallet in a set-up whose wallets should have been ready."""


Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """One set-up of each kind, one right after the other."""

    raw: RawSetup
    ours: Setup

    @property
    def same_calls(self) -> bool:
        """Whether each of our wallets was asked what the bare script's was asked."""
        return all(self.ours.calls(role) == self.raw.calls for role in Role)


@dataclass(frozen=True, slots=True)
class Bench:
    """A node, a coordinator, and three wallet-rpcs for the bare script."""

    directory: Path
    node: MonerodProcess
    coordinator: CoordinatorProcess
    raw: RawParties

    @classmethod
    @contextmanager
    def start(cls, directory: Path) -> Iterator[Bench]:
        """Start them; they end with the block."""
        with ExitStack() as stack:
            node = stack.enter_context(MonerodProcess.start(directory / "monerod"))
            coordinator = CoordinatorProcess(directory / "coordinator", node_url=node.url)
            coordinator.start()
            stack.callback(coordinator.stop)
            raw = RawParties(directory / "raw", node.url)
            stack.callback(raw.stop)
            yield cls(directory, node, coordinator, raw)

    def pairs(self, *, prepared: bool, samples: int, until: float, say: Say) -> tuple[Pair, ...]:
        """Set-ups by turns, fewer than ``samples`` if the time (monotonic) runs out.

        Who is first alternates. Agents that work ahead are waited for before each measurement,
        so that neither is disturbed by the other. Raises RawCallFailed, SetupFailed, NotPrepared.
        """
        name = "prepared" if prepared else "inline"
        trio = Trio(
            self.directory / name, self.coordinator, node_url=self.node.url,
            prepared_wallets=_PREPARED if prepared else 0,
        )  # fmt: skip
        try:
            return tuple(self._pairs(trio, name, samples=samples, until=until, say=say))
        finally:
            trio.stop()

    def _pairs(
        self, trio: Trio, name: str, *, samples: int, until: float, say: Say
    ) -> Iterator[Pair]:
        making = Making.AHEAD
        longest = 0.0
        for number in range(samples):
            began = time.monotonic()
            if number >= _FEWEST and began + longest > until:
                say(f"{name}: {number} samples, for lack of time")
                return
            if number % 2 == 0:
                ours = self._our_setup(trio, name)
                making = making_seen(ours.calls(Role.BUYER))
                raw = self._raw_setup(trio, making)
            else:
                raw = self._raw_setup(trio, making)
                ours = self._our_setup(trio, name)
            longest = max(longest, time.monotonic() - began)
            say(
                f"{name} {number + 1}/{samples}: raw {raw.seconds:.3f} s, ours {ours.seconds:.3f} s"
            )
            yield Pair(raw, ours)

    @staticmethod
    def _our_setup(trio: Trio, name: str) -> Setup:
        trio.prepare()
        ours = trio.set_up()
        if name == "prepared" and any(
            making_seen(ours.calls(role)) is not Making.AHEAD or "open_wallet" in ours.calls(role)
            for role in Role
        ):
            raise NotPrepared("run it again on a quieter machine")
        return ours

    def _raw_setup(self, trio: Trio, making: Making) -> RawSetup:
        prepared = self.raw.prepare(making)
        trio.prepare()
        return self.raw.measure(prepared)

    def relay(self) -> RelayFigures:
        """Messages of many set-ups through a coordinator of its own. Raises RelayFailed."""
        own = CoordinatorProcess(self.directory / "relay", node_url=self.node.url)
        own.start()
        try:
            assert own.pid is not None
            return measure_relay(own, own.pid, batches=_RELAY_BATCHES, escrows=_RELAY_ESCROWS)
        finally:
            own.stop()

    def machine(self) -> Mapping[str, Figure]:
        """What the figures depend on; nothing that names the machine."""
        with self.node.client() as client:
            info = client.get_info()
        return {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "load_average": os.getloadavg()[0],
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
            "system": platform.system(),
            "python": platform.python_version(),
            "monerod": info.version,
            "database": "SQLite",
        }


def compared(pairs: tuple[Pair, ...]) -> Compared:
    """What counts of these pairs."""
    return Compared(
        raw=tuple(pair.raw.seconds for pair in pairs),
        ours=tuple(pair.ours.seconds for pair in pairs),
        same_calls=all(pair.same_calls for pair in pairs),
    )
