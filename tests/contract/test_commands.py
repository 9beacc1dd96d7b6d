"""Stories about what the coordinator's commands print for programs."""

from __future__ import annotations

import json

from django.db import connection
from typer.testing import CliRunner, Result

from tests.contract.kit import Market, open_account
from tripartite.cli.main import build
from tripartite.coordinator.accounts.models import Account


def typed(*words: str) -> Result:
    return CliRunner().invoke(build(words), words)


def test_lists_are_json_on_demand(market: Market) -> None:
    market.proposed_deal()
    open_account("root")
    Account.objects.filter(name="root").update(is_staff=True)

    roles = json.loads(typed("admin", "roles", "--json").stdout)
    cases = json.loads(typed("admin", "cases", "--json").stdout)
    keys = json.loads(typed("keys", "list", "--json").stdout)
    log = json.loads(typed("audit", "verify", "--json").stdout)

    assert {"name": "root", "admin": True, "arbiter": False} in roles
    assert cases == {"total": 0, "cases": []}
    assert keys == [] or set(keys[0]) == {"id", "rows", "current"}
    assert log["intact"]
    assert log["events"] > 0
    assert len(log["hash"]) == 64


def test_an_altered_log_ends_the_command_with_its_own_code(market: Market) -> None:
    market.proposed_deal()
    with connection.cursor() as sql:
        sql.execute("UPDATE events_eventhead SET cursor = cursor - 1")

    ended = typed("audit", "verify", "--json")

    assert ended.exit_code == 3
    assert ended.stdout == ""
    assert "[event_log_altered]" in ended.stderr
