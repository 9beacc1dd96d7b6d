"""Recovery for somebody at a terminal of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, cast

from tripartite.coordinator.accounts.roles import admin_called
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.recovery import actions
from tripartite.coordinator.recovery import cases as listing
from tripartite.coordinator.recovery.actions import Kind, Wish
from tripartite.coordinator.recovery.models import Action
from tripartite.coordinator.watch.node import OwnNode
from tripartite.domain.errors import Refused

SHORTEST, LONGEST = 10, 1_000
"""Characters of an admin's notes, as in the API."""


class ActUnsound(Refused):
    """That act can't be taken as it stands."""

    code: ClassVar[str] = "recovery_act_unsound"


def described(*, limit: int) -> Iterator[str]:
    """Every case in a few lines."""
    found = listing.cases(offset=0, limit=limit)
    yield f"{found.total} {'case' if found.total == 1 else 'cases'}"
    for case in found.cases:
        yield ""
        yield f"{case['escrow_id']}  {case['status']}, stuck for {case['hours_stuck']} h"
        yield "  parties: " + ", ".join(f"{role} {name}" for role, name in case["parties"].items())
        names = (f"{one['role']} ({one['what']})" for one in case["waiting_on"])
        yield "  waits for: " + (", ".join(names) or "the network")
        if case["quiet_until"] is not None:
            yield f"  quiet until {case['quiet_until']}"
        for action in cast("list[Mapping[str, object]]", case["actions"]):
            yield f"  {action['at']}: {action['action']} by {action['by']}"
            yield from _report(action)


def act_here(
    configuration: Configuration, escrow_id: str, action: str, *, notes: str, by: str
) -> Iterator[str]:
    """Take an action and say what became of it. Raises as ``actions.take``, and ``ActUnsound``."""
    if action not in list(Kind):
        raise ActUnsound(f"Take one of: {', '.join(Kind)}.")
    if not SHORTEST <= len(notes) <= LONGEST:
        raise ActUnsound(f"Give {SHORTEST} to {LONGEST} characters of notes: they stay on record.")
    own = OwnNode.of(configuration)
    try:
        taken = actions.take(
            Wish(admin_called(by), escrow_id, Kind(action), notes),
            own=own,
            investigated=configuration.investigated,
            remember=lambda _: None,
        )
    finally:
        own.close()
    yield f"{action} is on record"
    yield from _report(listing.shown_action(Action.objects.get(pk=taken.pk)))


def _report(action: Mapping[str, object]) -> Iterator[str]:
    for part in cast("list[Mapping[str, str]]", action["report"]):
        detail = f" ({part['detail']})" if part["detail"] else ""
        yield f"    {part['who']}: {part['result']}{detail}"
