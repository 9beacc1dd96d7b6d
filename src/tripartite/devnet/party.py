"""One party: an account, a home of its own, and ``tripartite agent`` run in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.supervision import Supervised

_READY_SECONDS: Final = 90.0


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
    ) -> None:
        """Nothing is started yet."""
        self.role = role
        self.name = role.value
        self.directory = directory
        self.home = directory / "home"
        self.address = ""
        """Where this party wants to be paid."""
        self.token = Secret("")
        self._coordinator = coordinator
        self._node_url = node_url
        self._proxy = proxy
        self._daemon: Supervised | None = None

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
        with self._coordinator.api() as api:
            self.token = api.open_account(self.name, password)
        self.run("init", "--network", Network.REGTEST.value, "--monerod", self._node_url)
        proxy = [] if self._proxy is None else ["--proxy", self._proxy]
        self.run("pair", self._coordinator.origin, self.name, *proxy, secret=self.token)

    def start(self) -> None:
        """Start the agent, again with the home it had; returns when it is ready for work."""
        self._daemon = programs.start(
            "agent", "run", directory=self.directory, name="agent", settings=self.settings
        )

    def stop(self) -> None:
        """End the agent in order, with its wallets."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def kill(self) -> None:
        """End the agent at once; its wallets end by themselves."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon = None

    def run(self, *arguments: str, secret: Secret | None = None) -> str:
        """Run ``tripartite agent …`` in this party's home; what it printed. Raises CommandFailed."""
        settings = dict(self.settings)
        if secret is not None:
            settings["TRIPARTITE_AGENT_TOKEN"] = secret.reveal()
        done = programs.run("agent", *arguments, directory=self.directory, settings=settings)
        if done.returncode != 0:
            raise CommandFailed(
                f"tripartite agent {' '.join(arguments)} ({self.name}) ended with "
                f"{done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def ask(self, *arguments: str) -> Mapping[str, object]:
        """The same with ``--json``, read."""
        return cast("Mapping[str, object]", json.loads(self.run(*arguments, "--json")))
