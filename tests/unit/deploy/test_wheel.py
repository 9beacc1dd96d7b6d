"""Stories about what `pip install .` puts on a machine: everything that the commands need."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as pip would build it, with the builder that the lock pins."""
    place = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, place], cwd=ROOT, check=True, timeout=120)
    (path,) = place.glob("*.whl")
    return zipfile.ZipFile(path)


def test_a_wheel_holds_the_whole_package(wheel: zipfile.ZipFile) -> None:
    wanted = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "tripartite").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted


@pytest.mark.parametrize(
    "pattern",
    [
        "tripartite/coordinator/templates/page.html",
        "tripartite/coordinator/ops/templates/ops/figures.html",
        "tripartite/coordinator/locale/de/LC_MESSAGES/django.mo",
        "tripartite/agent/page/locale/de/LC_MESSAGES/agent.mo",
        "tripartite/agent/page/templates/page.html",
        "tripartite/look/style.css",
        "tripartite/look/htmx-*.min.js",
        "tripartite/look/htmx-LICENSE.txt",
        "tripartite/*/accounts/migrations/0001_initial.py",
        "tripartite-*.dist-info/licenses/LICENSE",
    ],
)
def test_what_only_a_running_program_would_miss_is_there(
    wheel: zipfile.ZipFile, pattern: str
) -> None:
    assert [name for name in wheel.namelist() if Path(name).match(pattern)]


def test_every_app_with_models_brings_its_migrations(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    apps = [name.removesuffix("/models.py") for name in names if name.endswith("/models.py")]

    assert len(apps) > 8
    assert [app for app in apps if f"{app}/migrations/0001_initial.py" not in names] == []


def test_the_command_is_called_tripartite(wheel: zipfile.ZipFile) -> None:
    (entry,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))

    assert "tripartite = tripartite.cli.main:main" in wheel.read(entry).decode()
