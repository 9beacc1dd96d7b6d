"""The coordinator's clock in the hands of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from tripartite.coordinator import storing


class Clock:
    """Real time plus what the test has let pass. Every part of the coordinator reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta()
        # The one place where the coordinator reads the time (``storing.now``).
        monkeypatch.setattr(storing, "datetime", self)

    def now(self, zone: tzinfo = UTC) -> datetime:
        return datetime.now(zone) + self.passed

    def advance(self, *, hours: float) -> None:
        """Time passes; with a negative number somebody puts the clock back."""
        self.passed += timedelta(hours=hours)
