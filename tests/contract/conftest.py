"""One suite, two engines: every test here runs on SQLite and on PostgreSQL.

A test gets a database of its own, copied from one that was migrated once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.contract.starting import start_in_process

start_in_process()

# ruff: noqa: E402 — see above
from tests.contract import postgres
from tests.contract.clock import Clock
from tests.contract.engines import Engine, Postgresql, Sqlite, use_database
from tests.contract.kit import Market
from tests.contract.operating import Operator, installed_at
from tripartite.protocol.archive import new_key


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield Sqlite(tmp_path_factory.mktemp("sqlite"))
        return
    with postgres.cluster() as cluster:
        yield Postgresql(cluster)


@pytest.fixture
def database(engine: Engine) -> Iterator[str]:
    """A fresh database, in use. Its DATABASE_URL."""
    with engine.database() as url:
        use_database(url)
        yield url


@pytest.fixture
def market(database: str) -> Market:
    return Market()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def operator(database: str, empty: str, tmp_path: Path) -> Iterator[Operator]:
    before = settings.COORDINATOR
    here = installed_at(before, database, tmp_path / "here")
    here.data_dir.mkdir()
    here.secret_key_file.write_text("a secret that signs")
    settings.COORDINATOR = here
    yield Operator(here, installed_at(before, empty, tmp_path / "there"), new_key())
    settings.COORDINATOR = before


@pytest.fixture
def empty(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """A place without tables. Its DATABASE_URL."""
    if isinstance(engine, Postgresql):
        yield engine.cluster.create("empty", template="template0")
        engine.cluster.drop("empty")
    else:
        yield f"sqlite://{tmp_path}/there/coordinator.sqlite3"
