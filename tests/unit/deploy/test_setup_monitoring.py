"""Stories about ``scripts/setup-monitoring.sh``: done for real, below a directory of the test's."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts/setup-monitoring.sh"
PATIENCE = 60.0


class Host:
    """A file tree that stands for a machine."""

    def __init__(self, root: Path, *, grafana: bool = True) -> None:
        self.root = root
        for name, text in (
            ("etc/prometheus/prometheus.yml", "# as the package brought it\n"),
            ("etc/default/prometheus", 'ARGS=""\n'),
            ("etc/default/prometheus-alertmanager", 'ARGS=""\n'),
            ("etc/tor/torrc", "# the operator's own line\nSocksPort 9050\n"),
        ):
            self.write(name, text)
        if grafana:
            (root / "usr/share/grafana").mkdir(parents=True)
            self.write("etc/default/grafana-server", "GRAFANA_USER=grafana\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def run(self, *options: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, "--root", self.root, *options],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PATH": path or os.environ["PATH"]},
        )

    def files(self) -> dict[str, str]:
        """Every file and what is in it."""
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def ok(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, done.stderr
    return done


def test_a_dry_run_says_what_it_would_do_and_does_nothing(host: Host) -> None:
    before = host.files()

    done = ok(host.run("--dry-run", "--coordinator", "8700"))

    assert host.files() == before
    assert "would write " in done.stderr
    assert "would choose a password" in done.stderr
    assert done.stdout == ""


def test_a_dry_run_of_the_real_machine_needs_no_root_and_touches_nothing() -> None:
    done = subprocess.run(
        [SCRIPT, "--dry-run"], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "would write /etc/prometheus/prometheus.yml" in done.stderr
    assert not Path("/var/lib/tripartite-monitoring").exists()


def test_prometheus_and_alertmanager_accept_what_it_writes(host: Host) -> None:
    ok(host.run("--metrics", "127.0.0.1:8701", "--metrics", "10.0.0.2:8701"))

    assert '"127.0.0.1:8701", "10.0.0.2:8701"' in host.read("etc/prometheus/prometheus.yml")
    files = host.root / "etc/prometheus"
    for command in (
        ["promtool", "check", "config", str(files / "prometheus.yml")],
        ["amtool", "check-config", str(files / "alertmanager.yml")],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_grafana_gets_data_source_dashboard_and_a_password_shown_once(host: Host) -> None:
    first = ok(host.run())
    second = ok(host.run())

    (password,) = re.findall(r"password (\S+) ", first.stdout)
    assert len(password) >= 32
    assert password not in first.stderr
    assert second.stdout == ""
    kept = host.root / "etc/grafana/tripartite-admin-password"
    assert kept.read_text() == password
    assert stat.S_IMODE(kept.stat().st_mode) & 0o037 == 0
    settings = host.read("etc/default/grafana-server")
    assert "GRAFANA_USER=grafana\n" in settings
    assert "GF_SERVER_HTTP_ADDR=127.0.0.1\n" in settings
    assert "GF_ANALYTICS_CHECK_FOR_UPDATES=false\n" in settings
    shown = host.read("var/lib/grafana/dashboards/tripartite/grafana-dashboard.json")
    assert json.loads(shown)["uid"] == "tripartite"


def test_another_host_gets_another_password(tmp_path: Path) -> None:
    words = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        words.append(ok(Host(tmp_path / name).run()).stdout)

    assert words[0] != words[1]


def test_a_grafana_that_ran_before_is_told_the_new_password(host: Host, tmp_path: Path) -> None:
    """By its own tool: a file is only read before the first start."""
    host.write("var/lib/grafana/grafana.db", "")
    programs = tmp_path / "programs"
    programs.mkdir()
    tool = programs / "grafana-cli"
    tool.write_text(f'#!/bin/sh\necho "$@" >{programs}/told\ncat >>{programs}/told\n')
    tool.chmod(0o755)

    done = ok(host.run(path=f"{programs}:{os.environ['PATH']}"))

    (password,) = re.findall(r"password (\S+) ", done.stdout)
    told = (programs / "told").read_text()
    assert told == f"admin reset-admin-password --password-from-stdin\n{password}\n"


def test_without_grafana_the_rest_is_done(tmp_path: Path) -> None:
    host = Host(tmp_path, grafana=False)

    done = ok(host.run())

    assert done.stdout == ""
    assert not (tmp_path / "etc/grafana").exists()
    assert (tmp_path / "etc/prometheus/tripartite-alerts.yml").exists()


def test_repeating_it_changes_nothing(host: Host) -> None:
    ok(host.run("--coordinator", "8700"))
    before = host.files()

    done = ok(host.run("--coordinator", "8700"))

    assert host.files() == before
    assert not re.search("write|changed", done.stderr), done.stderr


def test_what_the_operator_changed_afterwards_is_left_alone(host: Host) -> None:
    ok(host.run())
    own = host.read("etc/prometheus/alertmanager.yml") + "# my own receiver\n"
    host.write("etc/prometheus/alertmanager.yml", own)

    done = ok(host.run())

    assert host.read("etc/prometheus/alertmanager.yml") == own
    assert "you changed" in done.stderr


def test_uninstalling_puts_back_what_was_there(host: Host) -> None:
    before = host.files()
    ok(host.run("--coordinator", "8700"))

    ok(host.run("--uninstall"))

    assert host.files() == before


def test_check_finds_each_part_that_is_wrong(host: Host) -> None:
    assert host.run("--check").returncode == 1
    ok(host.run())
    host.write("var/lib/tor/tripartite-grafana/hostname", "abc.onion\n")
    ok(host.run())
    ok(host.run("--check"))

    for name, text in (
        ("etc/prometheus/prometheus.yml", "nonsense: ["),
        ("etc/prometheus/alertmanager.yml", "route: {}"),
        ("etc/default/prometheus", 'ARGS=""'),
        ("etc/default/grafana-server", ""),
        ("etc/tor/torrc", ""),
    ):
        kept = host.read(name)
        host.write(name, text)
        done = host.run("--check")
        assert done.returncode == 1, name
        assert "WRONG" in done.stderr
        host.write(name, kept)
    (host.root / "etc/tripartite/onions").chmod(0o644)
    assert "WRONG   the onion names are private" in host.run("--check").stderr


def test_tor_makes_the_onion_services_and_only_root_reads_their_names(host: Host) -> None:
    """Debian's tor, with its network disabled, on the very settings that were written."""
    ok(host.run("--coordinator", "8700"))
    # The settings name the machine's own directory; the test's stands below its root.
    data = host.root / "var/lib/tor"
    settings = host.read("etc/tor/torrc").replace("/var/lib/tor", str(data))
    host.write("etc/tor/torrc.test", settings.replace("SocksPort 9050", "SocksPort 0"))
    for path in (data, *(data / f"tripartite-{name}" for name in ("grafana", "coordinator"))):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
    program = shutil.which("tor")
    assert program is not None, "tor isn't installed: run scripts/setup"
    log = host.root / "tor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program, "-f", host.root / "etc/tor/torrc.test", "--DataDirectory", data,
                "--DisableNetwork", "1", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc",
            ],
            stdout=output, stderr=output,
        )  # fmt: skip  # the call, then its surroundings
    names = [data / f"tripartite-{name}/hostname" for name in ("grafana", "coordinator")]
    try:
        deadline = time.monotonic() + PATIENCE
        while not all(name.exists() and name.read_text().strip() for name in names):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait(timeout=30)

    done = ok(host.run("--coordinator", "8700"))

    onions = [name.read_text().strip() for name in names]
    assert all(re.fullmatch(r"[a-z2-7]{56}\.onion", onion) for onion in onions)
    kept = host.root / "etc/tripartite/onions"
    assert kept.read_text() == f"grafana http://{onions[0]}\ncoordinator http://{onions[1]}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for onion in onions:
        assert onion not in done.stdout + done.stderr + log.read_text()
    ok(host.run("--check"))


def test_a_wrong_option_changes_nothing(host: Host) -> None:
    before = host.files()
    for options in (
        ("--everything",),
        ("--metrics", "here"),
        ("--metrics", 'x":1,"y:1'),
        ("--coordinator", "8700; true"),
        ("--coordinator",),
    ):
        assert host.run(*options).returncode == 1, options

    assert host.files() == before
