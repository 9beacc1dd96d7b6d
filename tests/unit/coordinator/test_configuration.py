"""Stories about settings: read once, strictly, and described where operators look."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from tripartite.coordinator.configuration import (
    prepare_data_dir,
    read_configuration,
    read_secret_key,
)
from tripartite.coordinator.setting_values import SettingInvalid
from tripartite.coordinator.settings_table import SETTINGS
from tripartite.domain.limits import BETA, Limits
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network

GUIDE = Path(__file__).resolve().parents[3] / "docs/guides/operator.md"


def test_without_any_setting_the_server_is_local_and_free_of_real_money() -> None:
    configuration = read_configuration({})

    assert configuration.network is Network.STAGENET
    assert configuration.host == "127.0.0.1"
    assert configuration.public_origin == "http://127.0.0.1:8700"
    assert configuration.database.engine == "sqlite"
    assert configuration.allowed_hosts == ("127.0.0.1", "127.0.0.1", "localhost")
    assert configuration.confirmations == 10
    assert configuration.limits == BETA
    assert configuration.migrate_at_start


def test_a_postgresql_address_is_taken_apart() -> None:
    database = read_configuration(
        {"TRIPARTITE_DATABASE_URL": "postgresql://tri:s%40cret@db.example:5433/escrow"}
    ).database

    assert (database.engine, database.user, database.host) == ("postgresql", "tri", "db.example")
    assert (database.port, database.name) == (5433, "escrow")
    assert database.password.reveal() == "s@cret"
    assert "s@cret" not in repr(database)


def test_limits_are_set_in_xmr_and_can_be_lifted_one_by_one() -> None:
    configuration = read_configuration(
        {
            "TRIPARTITE_MAX_ESCROW_AMOUNT": "0.25",
            "TRIPARTITE_MAX_TOTAL_VOLUME": "none",
            "TRIPARTITE_MAX_CONCURRENT_ESCROWS": "7",
            "TRIPARTITE_PROPOSALS_PER_MINUTE": "none",
        }
    )

    assert configuration.limits == Limits(ATOMIC // 4, None, 7)
    assert configuration.proposals_per_minute is None
    assert configuration.registrations_per_minute == 30


def test_a_unix_socket_is_an_address_too() -> None:
    database = read_configuration(
        {"TRIPARTITE_DATABASE_URL": "postgresql://tri@/escrow?host=/run/postgresql"}
    ).database

    assert (database.host, database.port) == ("/run/postgresql", None)


def test_postgresql_is_not_migrated_behind_the_operators_back() -> None:
    url = {"TRIPARTITE_DATABASE_URL": "postgresql:///escrow"}

    assert not read_configuration(url).migrate_at_start
    assert read_configuration({**url, "TRIPARTITE_MIGRATE": "yes"}).migrate_at_start


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_RECIPIENTS", "AGE-SECRET-KEY-1QQQ"),
        ("NETWORK", "bitcoin"),
        ("PORT", "0"),
        ("PORT", "8700x"),
        ("PORT", "٨"),
        ("THREADS", "-1"),
        ("WATCH_SECONDS", "soon"),
        ("MAX_ESCROW_AMOUNT", "0"),
        ("MAX_ESCROW_AMOUNT", "five"),
        ("MAX_TOTAL_VOLUME", "50000000000000"),
        ("MAX_CONCURRENT_ESCROWS", "0"),
        ("MAX_CONCURRENT_ESCROWS", "2.5"),
        ("PROPOSALS_PER_MINUTE", "-1"),
        ("REGISTRATIONS_PER_MINUTE", "no"),
        ("WATCH_SECONDS", "nan"),
        ("CONFIRMATIONS", "9"),
        ("PUBLIC_ORIGIN", "escrow.example"),
        ("PUBLIC_ORIGIN", "https://escrow.example/path"),
        ("DATABASE_URL", "mysql://db/escrow"),
        ("MONEROD_LOGIN", "nobody"),
        ("MIGRATE", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("CONFIRMATION", "20"),
    ],
)
def test_a_value_that_cannot_be_meant_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"TRIPARTITE_{name}"):
        read_configuration({f"TRIPARTITE_{name}": value})


def test_fewer_confirmations_are_for_regtest_only() -> None:
    given = {"TRIPARTITE_CONFIRMATIONS": "1", "TRIPARTITE_NETWORK": "regtest"}

    assert read_configuration(given).confirmations == 1


def test_a_password_does_not_print() -> None:
    given = {"TRIPARTITE_MONEROD_LOGIN": "user:hunter2:more"}
    configuration = read_configuration(given)

    assert configuration.monerod_login is not None
    assert configuration.monerod_login[1].reveal() == "hunter2:more"
    assert "hunter2" not in repr(configuration)


def test_the_secret_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    configuration = read_configuration({"TRIPARTITE_DATA_DIR": str(tmp_path / "data")})
    assert read_secret_key(configuration) == ""

    prepare_data_dir(configuration)
    key = read_secret_key(configuration)
    prepare_data_dir(configuration)

    assert len(key) > 64
    assert read_secret_key(configuration) == key
    assert stat.S_IMODE(configuration.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(configuration.secret_key_file.stat().st_mode) == 0o600
    assert os.listdir(configuration.data_dir) == ["secret_key"]  # noqa: PTH208 — names are wanted


def test_the_operators_guide_lists_exactly_the_settings_there_are() -> None:
    rows = re.findall(
        r"^\| `(TRIPARTITE_\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", GUIDE.read_text(), re.M
    )

    assert rows == [
        (row.variable, escaped(row.type), f"`{row.default}`" if row.default else "–", row.help)
        for row in SETTINGS
    ]


def escaped(text: str) -> str:
    return text.replace("|", "\\|")
