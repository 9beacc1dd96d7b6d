"""The coordinator as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tripartite.devnet import programs
from tripartite.devnet.api import Api, CoordinatorSilent
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.supervision import PortTaken, Supervised, free_port

_READY_SECONDS: Final = 60.0
_PORT_ATTEMPTS: Final = 5

WITHOUT_LIMITS: Final[Mapping[str, str]] = {
    "TRIPARTITE_MAX_ESCROW_AMOUNT": "none",
    "TRIPARTITE_MAX_TOTAL_VOLUME": "none",
    "TRIPARTITE_MAX_CONCURRENT_ESCROWS": "none",
    "TRIPARTITE_PROPOSALS_PER_MINUTE": "none",
    "TRIPARTITE_REGISTRATIONS_PER_MINUTE": "none",
}
"""Settings of a coordinator with nothing of worth in it, where many escrows are opened at once."""


class CoordinatorProcess:
    """``tripartite serve`` in a directory of its own; it can be killed and started again."""

    def __init__(
        self,
        directory: Path,
        *,
        node_url: str,
        database_url: str | None = None,
        public_name: str = "127.0.0.1",
        network: Network = Network.REGTEST,
    ) -> None:
        """Nothing is started yet.

        ``public_name`` is the host under which agents reach it, if they see another name than
        we do. SQLite unless ``database_url`` says otherwise.
        """
        self.directory = directory
        self.entry: Sequence[str] = programs.OWN
        """How it is started; tests put another program in its place."""
        self.overruled: Mapping[str, str] = {}
        """Environment variables that overrule the usual ones from the next start on."""
        self._node_url = node_url
        self._network = network
        self._database_url = database_url
        self._public_name = public_name
        self._port = 0
        self._metrics_port = free_port()
        self._daemon: Supervised | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def origin(self) -> str:
        """How agents call it."""
        return f"http://{self._public_name}:{self._port}"

    @property
    def metrics_url(self) -> str:
        """Where it answers Prometheus."""
        return f"http://127.0.0.1:{self._metrics_port}"

    @property
    def database(self) -> Path:
        """Its SQLite file, unless it keeps its tables elsewhere."""
        return self.directory / "coordinator.sqlite3"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._daemon.pid if self._daemon is not None and self._daemon.running else None

    def start(self) -> None:
        """Start it, again on the port it had; returns when it answers.

        Raises DaemonDied, DaemonNotReady.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._port:
            self._start()
            return
        for _ in range(_PORT_ATTEMPTS - 1):
            self._port = free_port()
            try:
                self._start()
                return
            except PortTaken:
                continue
        self._port = free_port()
        self._start()

    def stop(self) -> None:
        """End it in order."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon = None

    def api(self, token: Secret | None = None) -> Api:
        """A connection to it."""
        return Api(self.url, token)

    def settings(self) -> dict[str, str]:
        """Its environment variables."""
        settings = {
            "TRIPARTITE_SETTINGS_FILE": "",  # not that of a coordinator installed here
            "TRIPARTITE_DATA_DIR": str(self.directory),
            "TRIPARTITE_NETWORK": self._network.value,
            "TRIPARTITE_HOST": "127.0.0.1",
            "TRIPARTITE_PORT": str(self._port),
            "TRIPARTITE_METRICS_PORT": str(self._metrics_port),
            "TRIPARTITE_PUBLIC_ORIGIN": self.origin,
            "TRIPARTITE_MONEROD_URL": self._node_url,
            # Blocks come in bursts here; nobody wants to wait five seconds for each look.
            "TRIPARTITE_WATCH_SECONDS": "0.25",
            "TRIPARTITE_MIGRATE": "yes",
            **WITHOUT_LIMITS,
        }
        if self._database_url is not None:
            settings["TRIPARTITE_DATABASE_URL"] = self._database_url
        return {**settings, **self.overruled}

    def _start(self) -> None:
        daemon = programs.start(
            "serve",
            directory=self.directory,
            name="coordinator",
            settings=self.settings(),
            entry=self.entry,
        )
        ready = False
        try:
            with self.api() as api:
                daemon.wait_until(lambda: _answers(api), seconds=_READY_SECONDS)
            ready = True
        finally:
            if not ready and daemon.running:
                daemon.kill()
        self._daemon = daemon


def _answers(api: Api) -> bool:
    try:
        return api.ask("GET", "/api/network").status == 200
    except CoordinatorSilent:
        return False
