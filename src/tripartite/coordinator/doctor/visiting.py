"""One visit of the doctor: settings, Django, looking, judging. Makes no file and no directory."""

from __future__ import annotations

import os

import django

from tripartite.coordinator.configuration import SettingInvalid, read_configuration
from tripartite.coordinator.doctor.facts import Faulty, unseen
from tripartite.coordinator.doctor.judging import judge
from tripartite.coordinator.doctor.report import Report
from tripartite.coordinator.storing import now


def visit(*, quick: bool, expect: str | None, prometheus: str) -> Report:
    """Look at the installation that this process's settings describe."""
    try:
        configuration = read_configuration()
    except SettingInvalid as error:
        return judge(unseen(Faulty(error.detail), files=(), at=now()))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")
    django.setup()
    # Models may only be imported once Django is set up.
    from tripartite.coordinator.doctor.looking import look, usual_sources  # noqa: PLC0415 — see above

    sources = usual_sources(prometheus, None)
    return judge(look(configuration, sources, quick=quick, expect=expect))
