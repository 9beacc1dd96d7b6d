"""Stories about the tables themselves."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from tests.contract.kit import Market
from tripartite.coordinator.escrows.models import Escrow
from tripartite.domain.lifecycle import State


def test_no_model_has_changed_without_its_migration(database: str) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_database_knows_only_states_of_the_lifecycle(market: Market) -> None:
    market.proposed_deal()
    for state in State:
        Escrow.objects.update(state=state.value)

    with pytest.raises(DatabaseError, match="escrow_state_is_in_the_lifecycle"):
        Escrow.objects.update(state="lost")
