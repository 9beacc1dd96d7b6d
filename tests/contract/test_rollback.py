"""The guide to rolling back, typed word for word on a server with an open escrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connections

from tests.contract.engines import Engine, Postgresql, Sqlite, use_database
from tests.contract.kit import Market
from tests.contract.operating import Operator
from tests.contract.serving import served
from tests.contract.terminal import commands, commands_below, typed
from tripartite.coordinator.configuration import read_configuration
from tripartite.coordinator.ops.backup import upgrading
from tripartite.coordinator.ops.backup.inventory import connected, take_inventory
from tripartite.coordinator.ops.backup.making import back_up

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/rollback.md"
OF_AN_ENGINE = ("SQLite", "PostgreSQL")


@dataclass
class Typist:
    """Types what the guide says. ``systemctl`` is ours, as there is no systemd."""

    place: Path
    settings: dict[str, str]
    rest: list[str]
    backup: str = ""
    _running: ExitStack = field(default_factory=ExitStack)

    def type(self, word: str) -> str:
        """The next line of the guide, which holds this word; what it prints."""
        line = self.rest.pop(0)
        assert word in line
        match line.split():
            case ["systemctl", "stop", _]:
                self.stop()
                return ""
            case ["systemctl", "start", _]:
                self.start()
                return ""
        return self.also(line.replace("BACKUP", self.backup))

    def also(self, line: str, *, fails: bool = False) -> str:
        """A line that isn't in the guide."""
        environment = {f"TRIPARTITE_{name}": value for name, value in self.settings.items()}
        return typed(line, {"HOME": str(self.place), **environment}, fails=fails)

    def start(self) -> None:
        directory = Path(self.settings["DATA_DIR"])
        self._running.enter_context(served(directory, MIGRATE=self.settings["MIGRATE"]))

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def typist(tmp_path: Path) -> Iterator[Typist]:
    directory = tmp_path / "server"
    directory.mkdir()
    (tmp_path / "template").mkdir()
    with Sqlite(tmp_path / "template").database() as url:
        use_database(url)
        Market().disputed_deal()
        connections.close_all()
        Path(url.removeprefix("sqlite://")).rename(directory / "coordinator.sqlite3")
    settings = {"DATA_DIR": str(directory), "NETWORK": "regtest", "MIGRATE": "no"}
    made = Typist(tmp_path, settings, commands(GUIDE))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_every_command_of_the_guide_works_and_says_what_the_guide_says(typist: Typist) -> None:
    for engine in OF_AN_ENGINE:
        for line in commands_below(GUIDE, engine):
            typist.rest.remove(line)  # typed in the next story

    typist.type("age-keygen")
    public = (typist.place / "KEY").read_text().split("public key: ")[1].split()[0]
    typist.settings["BACKUP_RECIPIENTS"] = public
    made = typist.type("tripartite backup").splitlines()
    assert [line[:9] for line in made] == ["backup   ", "sha256   ", "proved   ", "log ends "]
    typist.backup = made[0].removeprefix("backup   ")
    assert typist.type("--check").startswith("sound")

    assert "no new escrows" in typist.type("maintenance on")
    listed = typist.type("escrow list --open")
    assert "disputed  1.5 XMR" in listed
    assert "waits for: arbiter (rule)" in listed
    assert listed.endswith("escrows open: 1, of them may hold money: 1\n")
    assert typist.type("audit verify").startswith("intact: ")

    refused = typist.also("tripartite upgrade", fails=True)
    assert refused.startswith("Somebody has the database open")
    typist.type("systemctl stop")
    assert typist.type("tripartite upgrade").endswith("upgraded 0 migrations, checked\n")
    typist.type("systemctl start")
    assert "off" in typist.type("maintenance off")

    typist.type("tripartite backup")
    typist.type("systemctl stop")
    typist.type("audit verify")
    assert typist.type("escrow list --open") == listed
    (shown,) = typist.also("tripartite escrow list --json").splitlines()
    assert (json.loads(shown)["status"], json.loads(shown)["may_hold_money"]) == ("disputed", True)
    typist.type("systemctl start")
    assert typist.rest == [], "a command that nobody has tried"


def test_each_engines_part_of_the_guide_puts_a_backup_in_place(
    operator: Operator, market: Market, engine: Engine, tmp_path: Path
) -> None:
    market.disputed_deal()
    made = back_up(operator.here, operator.recipients)
    connections.close_all()
    directory = tmp_path / "server"
    directory.mkdir()
    (directory / "coordinator.sqlite3").write_text("what was there before")
    (tmp_path / "KEY").write_text(operator.identity)
    (tmp_path / "KEY").chmod(0o600)
    environment = {
        "HOME": str(tmp_path),
        "TRIPARTITE_DATA_DIR": str(directory),
        "TRIPARTITE_NETWORK": "regtest",
    }
    if isinstance(engine, Postgresql):
        heading, url = "PostgreSQL", engine.cluster.url("tripartite_restored")
        environment |= {
            "RESTORED_URL": url, "PGHOST": str(engine.cluster.socket), "PGUSER": "postgres",
        }  # fmt: skip  # of one kind
    else:
        heading, url = "SQLite", f"sqlite://{directory}/coordinator.sqlite3"

    said = [
        typed(line.replace("BACKUP", str(made.file)), environment)
        for line in commands_below(GUIDE, heading)
    ]

    assert said[-1].startswith("restored ")
    database = read_configuration({"TRIPARTITE_DATABASE_URL": url}).database
    with connected(database) as restored:
        assert take_inventory(restored) == made.inventory
    if isinstance(engine, Postgresql):
        engine.cluster.drop("tripartite_restored")


def test_the_guide_quotes_what_an_upgrade_says() -> None:
    page = GUIDE.read_text()
    for error in (upgrading.CoordinatorRuns, upgrading.UpgradeUndone, upgrading.UpgradeStranded):
        assert [one for one in page.split("`") if len(one) > 20 and one in error.title()], error


def test_the_guide_names_a_way_for_each_engine() -> None:
    for engine in OF_AN_ENGINE:
        assert "tripartite restore" in commands_below(GUIDE, engine)[-1]
