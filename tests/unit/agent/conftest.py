from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.market import Market


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """Three agents and their coordinator."""
    made = Market(tmp_path)
    yield made
    for trader in made.traders.values():
        trader.opened.journal.close()
