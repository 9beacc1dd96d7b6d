"""Stories about the systemd units: each starts a command there is, and none may do more than it must.

systemd itself isn't asked: it isn't part of the machines that run these tests.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tripartite.cli.main import build

ROOT = Path(__file__).resolve().parents[3]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))

# systemd.exec(5): what each unit has to say, in one word where one word is all it takes.
SANDBOX = {
    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
    "PrivateTmp": "yes", "PrivateDevices": "yes", "DevicePolicy": "closed",
    "ProtectSystem": "strict", "ProtectHome": "yes", "ProtectProc": "invisible",
    "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "RemoveIPC": "yes",
    "KeyringMode": "private", "LockPersonality": "yes", "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service ~@privileged @resources",
    "SystemCallErrorNumber": "EPERM", "UMask": "0077", "StateDirectoryMode": "0700",
}  # fmt: skip  # a table
SECTIONS = {"Unit", "Service", "Install"}
OTHERS = {
    "Description", "After", "Wants", "User", "Group", "EnvironmentFile", "ExecStart",
    "TimeoutStopSec", "Type", "Restart", "RestartSec", "StateDirectory", "LogsDirectory",
    "LogsDirectoryMode", "WantedBy", "StartLimitIntervalSec",
}  # fmt: skip  # a list of names


def directives(unit: Path) -> dict[str, str]:
    """What a unit says; a directive that is given twice adds up."""
    found: dict[str, str] = {}
    for line in unit.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            assert line[1:-1] in SECTIONS, line
            continue
        name, equals, value = line.partition("=")
        assert equals, line
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


def test_there_is_a_unit_for_each_process() -> None:
    assert {unit.stem.strip("@").removeprefix("tripartite-") for unit in UNITS} == {
        "serve",
        "work",
        "attach",
        "agent",
        "backup",
    }
    timers = {unit.stem for unit in (ROOT / "deploy/systemd").glob("*.timer")}
    assert timers == {"tripartite-backup"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_fenced_in(unit: Path) -> None:
    said = directives(unit)

    assert {name: said.get(name) for name in SANDBOX} == SANDBOX
    assert set(said) <= set(SANDBOX) | OTHERS, "a name that systemd would overlook"
    assert said["User"] == said["Group"] == said["StateDirectory"]
    assert said["User"].startswith("tripartite")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    program, *words = shlex.split(directives(unit)["ExecStart"])
    options = [word for word in words if word.startswith("--")]
    command = [word for word in words[:2] if word.isalpha()]

    assert program == "/opt/tripartite/bin/tripartite"
    wanted = [*command, "--help"]
    page = CliRunner().invoke(build(wanted), wanted, env={"COLUMNS": "300"})
    assert page.exit_code == 0
    assert [one for one in options if not re.search(rf"{one}\b", page.stdout)] == []


def test_no_unit_is_given_up_while_its_database_is_away() -> None:
    """systemd starts a unit five times in ten seconds, and then never again by itself."""
    for unit in UNITS:
        said = directives(unit)
        if "Restart" in said:
            endless = said.get("StartLimitIntervalSec") == "0"
            assert endless or int(said["RestartSec"]) >= 5, unit.name


def test_an_agent_runs_as_another_user_than_a_coordinator() -> None:
    users = {unit.stem: directives(unit)["User"] for unit in UNITS}

    assert users.pop("tripartite-agent@") not in users.values()


def test_the_state_directory_is_the_one_in_the_settings_file() -> None:
    serve = directives(ROOT / "deploy/systemd/tripartite-serve.service")

    place = f'data_dir = "/var/lib/{serve["StateDirectory"]}"'
    assert place in (ROOT / "deploy/tripartite.toml").read_text().splitlines()
