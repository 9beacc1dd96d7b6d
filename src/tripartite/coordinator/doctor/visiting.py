"""One visit of the doctor: settings, Django, looking, judging. Makes no file and no directory."""

from __future__ import annotations

import os

import django

from tripartite.coordinator.configuration import read_configuration, settings_path
from tripartite.coordinator.doctor.facts import Faulty, FileKind, unseen
from tripartite.coordinator.doctor.judging import judge
from tripartite.coordinator.doctor.modes import look_at_file
from tripartite.coordinator.doctor.report import Report
from tripartite.coordinator.setting_values import SettingInvalid
from tripartite.coordinator.settings_file import SettingsFileInvalid
from tripartite.coordinator.storing import now


def visit(*, quick: bool, expect: str | None, prometheus: str) -> Report:
    """Look at the installation that this process's settings describe."""
    settings_file = settings_path()
    try:
        configuration = read_configuration()
    except (SettingInvalid, SettingsFileInvalid) as error:
        files = () if settings_file is None else (look_at_file(settings_file, FileKind.SETTINGS),)
        return judge(unseen(Faulty(error.detail), files=files, at=now()))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")
    django.setup()
    # Models may only be imported once Django is set up.
    from tripartite.coordinator.doctor.looking import look, usual_sources  # noqa: PLC0415 — see above

    sources = usual_sources(prometheus, settings_file)
    return judge(look(configuration, sources, quick=quick, expect=expect))
