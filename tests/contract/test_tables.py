"""Stories about the tables themselves."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from tests.contract.engines import use_database
from tests.contract.kit import Api, Market
from tripartite.coordinator.escrows.models import Escrow
from tripartite.domain.lifecycle import State


def test_no_model_has_changed_without_its_migration(database: str) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_a_database_that_is_away_is_not_the_callers_fault(database: str) -> None:
    use_database(database + "-that/is-nowhere")

    answer = Api("tri_any").get("/api/agent")

    assert (answer.status, answer.body["code"]) == (503, "database_unreachable")
    assert answer.headers["Retry-After"] == "1"


def test_the_database_knows_only_states_of_the_lifecycle(market: Market) -> None:
    market.proposed_deal()
    for state in State:
        Escrow.objects.update(state=state.value)

    with pytest.raises(DatabaseError, match="escrow_state_is_in_the_lifecycle"):
        Escrow.objects.update(state="lost")
