"""Many escrows on several devnets at once: which are made next, and who is to blame if one fails."""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults import planning, table
from tests.faults.running import Ending, run
from tests.faults.striking import Arena
from tests.faults.switchboard import Kill
from tests.faults.ways import Way
from tripartite.devnet.network import Devnet
from tripartite.domain.errors import TripartiteError

Say = Callable[[str], None]

_COVERING: Final = 3
"""Times that cells without a kill are gone for, before all other kills are."""
_FILLING: Final = 3
"""Times that what wasn't reached is tried again, in other company."""
_STUMBLES: Final = 5
"""Devnets that may break, as on a busy machine, before the harness gives up."""

# One escrow at a time needs no third wallet; and each wallet costs each restart a second.
_PACE: Final = (
    "--watch-seconds", "1", "--guard-seconds", "3600", "--prepared", "1", "--wallets", "2",
    "--page-port", "0",
)  # fmt: skip


@dataclass
class Campaign:
    """Kills that are to be made, and what came of those that are."""

    kills: Sequence[Kill]
    endings: list[Ending]
    """Those of earlier runs first."""
    say: Say
    keep: Callable[[Sequence[Ending]], None]
    """Called with all endings after each, so that a run that is broken off has its results."""
    per_escrow: int = planning.PER_ESCROW
    devnets: int = 1
    deadline: float | None = None
    """By the monotonic clock; no escrow begins later."""
    made: list[Ending] = field(default_factory=list)
    """The endings of this run."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def go(self) -> None:
        """First a kill in each cell of the tables, then the others."""
        for number in range(_COVERING + _FILLING):
            left = table.unmade(self.kills, self.endings)
            if number < _COVERING:
                made = set(self.kills) - set(left)
                left = planning.first_of_cells(left, made, table.cell_of, seed=number)
            groups = planning.share_escrows(left, self.per_escrow)
            if groups and not self._is_late():
                self.say(f"{len(left)} kills in {len(groups)} escrows")
                self._make_all(groups)

    def _make_all(self, groups: Sequence[Sequence[Kill]]) -> None:
        waiting: queue.SimpleQueue[Sequence[Kill]] = queue.SimpleQueue()
        for group in groups:
            waiting.put(group)
        broken: list[BaseException] = []

        def work(number: int) -> None:
            try:
                while not waiting.empty() and not self._is_late() and len(broken) < _STUMBLES:
                    try:
                        self._find_culprits(number, self._until_one_fails(number, waiting))
                    except TripartiteError as error:
                        # Its kills aren't counted, and so they are made later.
                        self.say(f"devnet {number}: given up, {error.code}: {error.detail}")
                        broken.append(error)
            except BaseException as error:  # noqa: BLE001 — handed to who waits for us
                broken.extend([error] * _STUMBLES)

        workers = [
            threading.Thread(target=work, args=(number,), name=f"devnet {number}")
            for number in range(min(self.devnets, len(groups)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if len(broken) >= _STUMBLES:
            raise broken[-1]

    def _until_one_fails(
        self, number: int, waiting: queue.SimpleQueue[Sequence[Kill]]
    ) -> Sequence[Kill]:
        """One devnet's work; the kills of an escrow that failed, as nobody trusts it then."""
        with arena(lambda line: self.say(f"devnet {number}: {line}")) as field_:
            while not self._is_late():
                try:
                    group = waiting.get_nowait()
                except queue.Empty:
                    break
                ending = self._run(number, field_, group)
                if not ending.survived:
                    return ending.struck
        return ()

    def _find_culprits(self, number: int, suspects: Sequence[Kill]) -> None:
        """Each half of the suspects again, on a devnet of its own, down to each alone."""
        if len(suspects) in (0, 1):
            return
        half = len(suspects) // 2
        for part in (suspects[:half], suspects[half:]):
            if self._is_late():
                return
            with arena(lambda line: self.say(f"devnet {number}: {line}")) as field_:
                ending = self._run(number, field_, part)
            if not ending.survived:
                self._find_culprits(number, ending.struck)

    def _run(self, number: int, field_: Arena, group: Sequence[Kill]) -> Ending:
        ending = run(field_, group, way=group[0].way)
        if not ending.survived:
            field_.suspect = True
        self.say(f"devnet {number}: {describe(ending)}")
        with self._lock:
            self.endings.append(ending)
            self.made.append(ending)
            self.keep(self.endings)
        return ending

    def _is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


def undisturbed(ways: Sequence[Way], say: Say) -> dict[Way, Ending]:
    """One escrow for each way in which nobody is killed: it lists the points."""
    endings: dict[Way, Ending] = {}
    with arena(say) as field_:
        for way in ways:
            endings[way] = run(field_, way=way)
            say(f"{way.value}: {len(endings[way].points)} points, {describe(endings[way])}")
    return endings


def describe(ending: Ending) -> str:
    """One line, and more only if something is wrong."""
    verdict = "survived" if ending.survived else "FAILED"
    line = (
        f"{ending.way.value} {verdict} {len(ending.struck)} of {len(ending.kills)} kills, "
        f"{ending.attempts} key exchanges, {ending.payout_restarts} payout restarts, "
        f"{ending.seconds:.0f} s {' '.join(ending.alarms)}"
    )
    return "\n".join([line, *ending.faults, *(map(str, ending.struck) if ending.faults else ())])


@contextmanager
def arena(say: Say, *, agent_program: str | None = None) -> Iterator[Arena]:
    """A devnet of its own; its directory stays if anything went wrong.

    ``agent_program`` takes the place of the usual agent with points.
    """
    directory = Path(tempfile.mkdtemp(prefix="tripartite-faults-"))
    devnet = Devnet.start(directory, pace=_PACE)
    done = False
    try:
        made = Arena(devnet, devnet.community)
        if agent_program is not None:
            made.agent_program = agent_program
        made.open()
        say(f"runs in {directory}")
        yield made
        done = not made.suspect and not devnet.troubles()
    finally:
        devnet.stop()
        if done:
            shutil.rmtree(directory)
