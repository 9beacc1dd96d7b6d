"""Stories about log files: one a day, a week of them, nobody's but the owner's."""

from __future__ import annotations

import stat
from datetime import date, timedelta
from pathlib import Path

from tripartite.logs.daily import DailyFile


class Calendar:
    """A day that goes on when told to."""

    def __init__(self) -> None:
        self.day = date(2026, 11, 23)

    def __call__(self) -> date:
        return self.day


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_each_day_has_its_file_and_a_week_is_kept(tmp_path: Path) -> None:
    calendar = Calendar()
    log = DailyFile(tmp_path / "logs", "coordinator", day=calendar)
    for number in range(10):
        log.write(f"{number}\n")
        calendar.day += timedelta(days=1)
    log.close()

    kept = [date(2026, 11, 26) + timedelta(days=number) for number in range(7)]
    assert names(tmp_path / "logs") == [f"coordinator-{day}.log" for day in kept]
    assert (tmp_path / "logs" / f"coordinator-{kept[-1]}.log").read_text() == "9\n"


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("agent-2020-01-01.log", "coordinator-2020-01-01.log.gz", "notes"):
        (tmp_path / name).touch()

    DailyFile(tmp_path, "coordinator", day=Calendar()).write("x\n")

    assert len(names(tmp_path)) == 4


def test_two_processes_share_a_file_and_change_it_together(tmp_path: Path) -> None:
    calendar = Calendar()
    logs = [DailyFile(tmp_path, "coordinator", day=calendar) for _ in range(2)]
    for log in logs * 2:
        log.write("a line\n")
    calendar.day += timedelta(days=1)
    for log in logs:
        log.write("a line\n")

    assert [path.read_text().count("a line\n") for path in sorted(tmp_path.iterdir())] == [4, 2]


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    DailyFile(tmp_path / "logs", "agent", day=Calendar()).write("x\n")

    (file,) = (tmp_path / "logs").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
