"""What the kernel counts for a process and its children: CPU time and memory (proc(5))."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MIB_IN_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all below it have used so far, and hold now.

    ``pss_mib`` counts shared pages by halves, thirds …; None if the kernel doesn't tell.
    """

    cpu_seconds: float
    rss_mib: float
    pss_mib: float | None


def family(pid: int) -> tuple[int, ...]:
    """A process and all its descendants that run."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = _stat(int(place.name))
                children.setdefault(int(fields[1]), []).append(int(place.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return tuple(found)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, ended children included."""
    total = 0.0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = _stat(one)
            # utime, stime, and those of children that were waited for.
            total += sum(map(int, fields[11:15])) / _TICKS
    return total


def usage(pid: int) -> Usage:
    """CPU time and memory of a process and its descendants."""
    rss, pss = 0.0, 0.0
    told = True
    for one in family(pid):
        memory = _memory(one)
        rss += memory.get("Rss", 0) / _MIB_IN_KIB
        pss += memory.get("Pss", 0) / _MIB_IN_KIB
        told = told and "Pss" in memory
    return Usage(cpu_seconds(pid), rss, pss if told else None)


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks; the first is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _memory(pid: int) -> dict[str, int]:
    """KiB by name."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return {line.partition(":")[0]: int(line.split()[1]) for line in lines[1:]}
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        pass
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return {"Rss": pages * os.sysconf("SC_PAGE_SIZE") // 1024}
    return {}
