"""Stories about settings in a file: the same ones, just as strictly, and overruled by variables."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts import generate_docs
from tripartite.coordinator.configuration import read_configuration, settings_path
from tripartite.coordinator.setting_values import SettingInvalid
from tripartite.coordinator.settings_file import SettingsFileInvalid
from tripartite.coordinator.settings_table import SETTINGS
from tripartite.domain.parties import Network

SHIPPED = Path(__file__).resolve().parents[3] / "deploy/tripartite.toml"


def written(directory: Path, text: str) -> dict[str, str]:
    """The environment of a process whose settings file says ``text``."""
    path = directory / "tripartite.toml"
    path.write_text(text)
    return {"TRIPARTITE_SETTINGS_FILE": str(path)}


def test_a_file_says_what_variables_say(tmp_path: Path) -> None:
    given = written(
        tmp_path,
        'network = "mainnet"\nport = 8800\nstuck_hours = [1, 2.5, 3, "4"]\n'
        'allowed_hosts = ["a.example", "b.example"]\nwatch_seconds = 0.5\n',
    )

    configuration = read_configuration(given)

    assert configuration.network is Network.MAINNET
    assert configuration.port == 8800
    assert configuration.allowed_hosts == ("a.example", "b.example")
    assert configuration.watch_seconds == 0.5
    assert configuration.durations.payout[1].total_seconds() == 9_000


def test_a_variable_overrules_the_file(tmp_path: Path) -> None:
    given = written(tmp_path, "port = 8800\nthreads = 8\n")

    configuration = read_configuration({**given, "TRIPARTITE_PORT": "8900"})

    assert (configuration.port, configuration.threads) == (8900, 8)
    again = read_configuration({**given, "TRIPARTITE_PORT": ""})
    assert again.port == 8700, "an empty variable is the default"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 8800", "prot is not a setting. Did you mean port?"),
        ("PORT = 8800", "Did you mean port?"),
        ('settings_file = "other.toml"', "settings_file is not a setting"),
        ("colour = 1", "See docs/guides/operator.md"),
        ("[coordinator]\nport = 1", "coordinator is not a setting"),
        ("port = true", "port must be a text in quotes, a number"),
        ("allowed_hosts = [[1]]", "allowed_hosts must be"),
        ("port", "isn't TOML"),
        ("port = 1\nport = 2", "isn't TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsFileInvalid) as refusal:
        read_configuration(written(tmp_path, text))

    assert complaint in refusal.value.detail


def test_a_password_in_a_broken_line_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsFileInvalid) as refusal:
        read_configuration(written(tmp_path, 'monerod_login = "user:hunter2'))

    assert "hunter2" not in refusal.value.detail


def test_a_value_is_judged_as_a_variable_is(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="TRIPARTITE_PORT"):
        read_configuration(written(tmp_path, "port = 0"))


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsFileInvalid, match="can't be read"):
        read_configuration({"TRIPARTITE_SETTINGS_FILE": str(tmp_path / "nowhere.toml")})


def test_no_file_is_read_when_none_is_wanted() -> None:
    assert settings_path({"TRIPARTITE_SETTINGS_FILE": ""}) is None
    assert settings_path({}) is None


def test_the_file_that_is_shipped_explains_every_setting() -> None:
    text = SHIPPED.read_text()
    names = [one.name.lower() for one in generate_docs.settings_in_file()]

    assert re.findall(r"^#?([a-z_]+) = ", text, re.MULTILINE) == names
    told = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("# "))
    assert all(one.help in told for one in SETTINGS if one.name != "SETTINGS_FILE")


def test_the_file_that_is_shipped_changes_the_data_directory_alone() -> None:
    shipped = read_configuration({"TRIPARTITE_SETTINGS_FILE": str(SHIPPED)})

    assert shipped == read_configuration({"TRIPARTITE_DATA_DIR": "/var/lib/tripartite"})


def test_every_line_of_it_can_be_uncommented(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=[a-z_]+ = )", "", SHIPPED.read_text(), flags=re.MULTILINE)

    configuration = read_configuration(written(tmp_path, text))

    assert len(tomllib.loads(text)) == len(SETTINGS) - 1
    assert configuration.secret_key_file == Path("/var/lib/tripartite/secret_key")
    assert configuration.durations == read_configuration({}).durations
