"""Starting a daemon, knowing when it is ready, and making sure that it ends.

Ready means that it answers; a daemon that dies first is reported with the end of its log.

A daemon must not outlive the process that started it, even one that is killed. Linux has a
signal for that (PR_SET_PDEATHSIG), but it is sent when the starting *thread* ends, and setting it
needs code between fork and exec, which is unsafe in a threaded program. So each daemon gets a
guard instead: a tiny shell that reads from a pipe whose other end only we hold. When we are
gone, for whatever reason, the read ends and the guard sends the daemon SIGTERM, upon which a
wallet saves itself.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from tripartite.domain.errors import Unavailable

_GUARD: Final = 'read -r _ || kill -TERM "$0"'
_TCP_LISTEN: Final = "0A"  # TCP_LISTEN in Linux's net/tcp_states.h
_POLL_SECONDS: Final = 0.05
_HEAD_LINES: Final = 5
_TAIL_LINES: Final = 15

# Marks of a crash in the words of glibc, libstdc++ and Monero's own logger; in the latter, "net"
# calls a taken port fatal.
_CRASH: Final = re.compile(
    r"terminate called|Segmentation fault|SIGSEGV|SIGABRT|Assertion .*failed|core dumped"
    r"|stack smashing|double free|free\(\): invalid|corrupted|std::bad_alloc|\tFATAL\t(?!net\t)"
)
_PORT_TAKEN: Final = re.compile("address already in use|failed to bind", re.IGNORECASE)


class ProgramMissing(Unavailable):
    """A program of Monero's is not installed."""

    code: ClassVar[str] = "monero_program_missing"


class DaemonDied(Unavailable):
    """The daemon ended before it was ready."""

    code: ClassVar[str] = "daemon_died"


class DaemonNotReady(Unavailable):
    """The daemon runs but does not answer."""

    code: ClassVar[str] = "daemon_not_ready"


class PortTaken(DaemonDied):
    """Another program took the port first."""

    code: ClassVar[str] = "daemon_port_taken"


class Supervised:
    """A daemon that we started. ``log`` is its own log, ``console`` what it printed."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        console: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it, with our environment or with just the given one. Raises ProgramMissing."""
        self.log = log
        self.console = console
        with console.open("ab") as printed:
            self._process = subprocess.Popen(
                [program(command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env=environment,
                # A Ctrl-C in our terminal is ours to answer, with an orderly stop.
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def listens_on(self, port: int) -> bool:
        """Whether it is this daemon, and no other program, that listens on that port.

        An answer alone doesn't tell: a node answers a wallet's first question, too. Only Linux
        says who listens; elsewhere this is always true.
        """
        listening = _listening_sockets(port)
        return listening is None or not listening.isdisjoint(_open_files(self.pid))

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when ``ready`` says so. Raises DaemonDied, PortTaken or DaemonNotReady."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                self._dismiss_guard()
                tail = self.tail()
                leaf = PortTaken if _PORT_TAKEN.search(tail) else DaemonDied
                raise leaf(f"It ended with {self._process.returncode}. Its words:\n{tail}")
            if time.monotonic() > deadline:
                raise DaemonNotReady(f"No answer after {seconds:.0f} s. Read {self.log.name}.")
            time.sleep(_POLL_SECONDS)

    def stop(self, *, seconds: float = 30.0) -> None:
        """SIGTERM, upon which it saves; SIGKILL if that takes longer than ``seconds``.

        Stopping or killing what has ended is fine.
        """
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._dismiss_guard()

    def kill(self) -> None:
        """SIGKILL: nothing is saved."""
        self._process.kill()
        self._process.wait()
        self._dismiss_guard()

    def tail(self) -> str:
        """The first and the last lines that it printed and logged."""
        return "\n".join(
            line for path in (self.console, self.log) for line in _both_ends(_lines(path))
        )

    def crash_marks(self) -> list[str]:
        """Lines that say it crashed, from console and log."""
        return crash_marks(self.console) + crash_marks(self.log)

    def _dismiss_guard(self) -> None:
        """Tell the guard that there is nothing to end any more."""
        if self._guard.returncode is None:
            self._guard.communicate(b"\n")


def crash_marks(log: Path) -> list[str]:
    """The lines of a daemon's log that say it crashed; none when there is no log."""
    return [line for line in _lines(log) if _CRASH.search(line)]


def program(name: str) -> str:
    """The full path of an installed program. Raises ProgramMissing."""
    path = shutil.which(name)
    if path is None:
        raise ProgramMissing(f"Install {name} (Debian: package monero).", program=name)
    return path


def free_port() -> int:
    """A port of the loopback address that is free just now.

    It can be taken before it is used: whoever starts a daemon on it tries again then.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _listening_sockets(port: int) -> set[str] | None:
    """The names of the sockets listening on an IPv4 port, as /proc has them (proc(5))."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return None
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == _TCP_LISTEN and int(row[1].rpartition(":")[2], 16) == port
    }


def _open_files(pid: int) -> set[str]:
    """What a process has open, by name; nothing once it has ended."""
    names = set()
    # The process, or one of its files, may be gone before it is looked at.
    with contextlib.suppress(FileNotFoundError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                names.add(str(link.readlink()))
    return names


def _both_ends(lines: list[str]) -> list[str]:
    """The first lines, which name a bad option, and the last, which tell of a death."""
    if len(lines) <= _HEAD_LINES + _TAIL_LINES:
        return lines
    return [*lines[:_HEAD_LINES], "…", *lines[-_TAIL_LINES:]]


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text(errors="replace").splitlines()
