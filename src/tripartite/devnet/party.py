"""One party: an account, a home of its own, and ``tripartite agent`` run in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.agent.home import look_into, open_home
from tripartite.agent.status import status
from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.errors import Refused
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.supervision import Supervised
from tripartite.protocol.identity import Identity

_READY_SECONDS: Final = 90.0
_PROPOSED: Final = re.compile(r"^escrow ([0-9a-f]{32})$", re.MULTILINE)
_FINGERPRINT: Final = re.compile(r"^fingerprint (\S+)$", re.MULTILINE)

# Blocks come in bursts here, and nobody wants to wait for the usual pauses between two looks.
USUAL_PACE: Final = (
    "--watch-seconds", "1", "--guard-seconds", "3600", "--prepared", "1", "--wallets", "3",
    "--page-port", "0",
)  # fmt: skip

# Names that stand in no other text, so that a search for them finds only who is meant.
NAMES: Final = {
    Role.BUYER: "bella-the-buyer",
    Role.VENDOR: "victor-the-vendor",
    Role.ARBITER: "ada-the-arbiter",
}


class CommandFailed(Refused):
    """A party's own command said no."""

    code: ClassVar[str] = "devnet_command_failed"


class Party:
    """Buyer, vendor or arbiter. What it decides, it decides by its own command line."""

    def __init__(
        self,
        role: Role,
        directory: Path,
        *,
        coordinator: CoordinatorProcess,
        node_url: str,
        proxy: str | None = None,
        network: Network = Network.REGTEST,
        pace: Sequence[str] = USUAL_PACE,
    ) -> None:
        """Nothing is started yet. ``proxy`` leads to the coordinator (``socks5h://host:port``).

        ``pace`` are the words of ``agent run`` that say how many wallets, and how often it looks.
        """
        self.role = role
        self.name = NAMES[role]
        self.directory = directory
        self.home = directory / "home"
        self.address = ""
        """Where this party wants to be paid."""
        self.fingerprint = ""
        self.token = Secret("")
        self.password = Secret("")
        self.pace: Sequence[str] = tuple(pace)
        """How it is told to work from its next start."""
        self.entry: Sequence[str] = programs.OWN
        """How its agent is started; tests put another program in its place."""
        self._coordinator = coordinator
        self._node_url = node_url
        self._network = network
        self._proxy = [] if proxy is None else ["--proxy", proxy]
        self._daemon: Supervised | None = None
        self._paused = False

    @property
    def pid(self) -> int | None:
        """The agent's process id, while it runs."""
        return self._daemon.pid if self._daemon is not None and self._daemon.running else None

    @property
    def settings(self) -> dict[str, str]:
        """The environment of its commands."""
        return {"TRIPARTITE_AGENT_HOME": str(self.home)}

    def api(self) -> Api:
        """The coordinator, as this party's account."""
        return self._coordinator.api(self.token)

    def join(self, password: Secret) -> None:
        """Open an account over HTTP, make an identity, and pair the two."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.password = password
        with self._coordinator.api() as api:
            self.token = api.open_account(self.name, password)
        token_file = self.directory / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token.reveal())
        made = self.run(
            "init", "--network", self._network.value, "--key-file", str(self.directory / "key")
        )
        self.fingerprint = _FINGERPRINT.findall(made)[0]
        self.run(
            "pair", "--coordinator", self._coordinator.origin, "--token-file", str(token_file),
            *self._proxy,
        )  # fmt: skip

    def start(self) -> None:
        """Start the agent, again with the home it had; returns when it is ready for work.

        Raises DaemonDied, DaemonNotReady.
        """
        log = self.directory / "agent.log"
        seen = log.stat().st_size if log.exists() else 0
        daemon = programs.start(
            "agent", "run", "--node", self._node_url, *self.pace,
            directory=self.directory, name="agent", settings=self.settings, entry=self.entry,
        )  # fmt: skip
        ready = False
        try:
            daemon.wait_until(
                lambda: b"\nready\n" in b"\n" + log.read_bytes()[seen:], seconds=_READY_SECONDS
            )
            ready = True
        finally:
            if not ready and daemon.running:
                daemon.stop()
        self._daemon = daemon

    def stop(self) -> None:
        """End the agent in order, with its wallets."""
        self.resume()
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def pause(self) -> None:
        """Its agent does nothing until ``resume``, as a machine that sleeps: quicker than stop."""
        assert self.pid is not None, "only a running agent can be paused"
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Its agent goes on where it was."""
        if self._paused and self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def kill(self) -> None:
        """End the agent at once; its wallets end by themselves."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon = None

    def run(self, *arguments: str) -> str:
        """Run ``tripartite agent …`` in this party's home; what it printed. Raises CommandFailed."""
        done = programs.run("agent", *arguments, directory=self.directory, settings=self.settings)
        if done.returncode != 0:
            raise CommandFailed(
                f"{self.shell_command(*arguments)} ended with {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def page_link(self) -> str:
        """A link into its agent's own page; it works once."""
        return self.run("page").strip()

    def shell_command(self, *arguments: str) -> str:
        """What somebody would type to say the same in this party's name."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.settings.items()]
        return " ".join((*settings, "tripartite", "agent", shlex.join(arguments)))

    # What this party decides

    def propose(
        self, *, vendor: Party, arbiter: Party, amount: int, subject: str, more: Sequence[str] = ()
    ) -> str:
        """As the buyer: propose an escrow over ``amount`` piconero; its id.

        ``more`` are further words of the command, such as fees.
        """
        printed = self.run(
            "propose", "--vendor", vendor.name, "--arbiter", arbiter.name,
            "--amount", format_xmr(amount), "--refund-address", self.address,
            "--subject", subject, *more, *_expecting(vendor, arbiter), "--yes",
        )  # fmt: skip
        return str(_PROPOSED.findall(printed)[0])

    def accept(self, escrow_id: str, *, others: Sequence[Party]) -> str:
        """Accept a proposal; what was shown before."""
        return self.run(
            "accept", escrow_id, "--payout-address", self.address, *_expecting(*others), "--yes"
        )

    def release(self, escrow_id: str) -> str:
        """As the buyer: let the vendor have the money; what was shown before."""
        return self.run("release", escrow_id, "--yes")

    def decide(self, verb: str, escrow_id: str, *words: str) -> str:
        """Any other decision about an escrow; what was shown before."""
        return self.run(verb, escrow_id, *words, "--yes")

    # What this party's agent knows

    def case(self, escrow_id: str) -> Mapping[str, object]:
        """What was said in a dispute; files are kept in its home."""
        return cast("Mapping[str, object]", json.loads(self.run("case", escrow_id, "--json")))

    def status(self) -> Mapping[str, object]:
        """What ``tripartite agent status`` shows, read the way that command reads it."""
        journal = look_into(self.home)
        try:
            return status(journal, running=self.pid is not None)
        finally:
            journal.close()

    def escrow(self, escrow_id: str) -> Mapping[str, object] | None:
        """Its agent's view of one escrow; None if it never heard of it."""
        escrows = cast("list[Mapping[str, object]]", self.status()["escrows"])
        return next((one for one in escrows if one["escrow_id"] == escrow_id), None)

    def knows_parties(self, escrow_id: str) -> bool:
        """Its agent has heard of the escrow and asked which accounts the three have."""
        journal = look_into(self.home)
        try:
            return any(case.names for case in journal.cases() if case.escrow_id == escrow_id)
        finally:
            journal.close()

    def alarms(self, escrow_id: str) -> list[str]:
        """The codes of what its agent refused to believe about one escrow."""
        alarms = cast("list[Mapping[str, object]]", self.status()["alarms"])
        return [str(alarm["code"]) for alarm in alarms if alarm["escrow_id"] == escrow_id]

    def has_wallet_ready(self) -> bool:
        """Whether its agent has made a wallet ahead, so that a key exchange starts at once."""
        return int(str(self.status()["prepared_wallets"])) > 0

    def identity(self) -> Identity:
        """Its secret identity, from its own home: for tests that forge words in its name."""
        opened = open_home(self.home)
        opened.journal.close()
        return opened.identity


def _expecting(*others: Party) -> list[str]:
    """Fingerprints that the parties told each other when they met."""
    return [word for one in others for word in ("--expect-fingerprint", one.fingerprint)]
