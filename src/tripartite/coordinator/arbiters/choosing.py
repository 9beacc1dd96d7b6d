"""Whose turn it is, and the draw that anybody can check.

The seed holds the hash at the head of the event log at the time of the draw: nobody could know it
beforehand, and it stays in the log. Who asks again for the same two traders gets the same answer
for a day, so nobody draws until the result pleases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Final

from django.db.models import Count, Q

from tripartite.coordinator.accounts.api import AccountUnknown
from tripartite.coordinator.accounts.models import Account, PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.arbiters.models import Assignment
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.events.models import EventHead
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.errors import Unavailable
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.parties import Role
from tripartite.domain.rotation import Candidate, rotation

KEPT_FOR: Final = timedelta(days=1)


class NoArbiterFree(Unavailable):
    """No arbiter's agent is online just now."""

    code: ClassVar[str] = "no_arbiter_free"


def arbiters_in_turn(
    *, seed: str, without: frozenset[str], online: bool = False
) -> Sequence[PairedIdentity]:
    """Arbiters with paired agents in the order of their turn. ``without`` are signing keys."""
    return _in_turn(_eligible(without, online=online), seed)


def open_work(account_ids: Sequence[int]) -> Mapping[int, int]:
    """How many open escrows each of these arbiters has."""
    closed = Q(escrow__state__in=[state.value for state in CLOSED])
    rows = (
        Participant.objects.filter(role=Role.ARBITER.value, account_id__in=account_ids)
        .exclude(closed)
        .values_list("account_id")
        .annotate(Count("pk"))
    )
    return dict(rows)


def assign(caller: Caller, other: str) -> Assignment:
    """Draw an arbiter for an escrow between the caller and ``other``.

    Only among those whose agent is online. Raises ``AccountUnknown``, ``NoArbiterFree``.
    """
    trader = Account.objects.filter(name=other, is_active=True).first()
    if trader is None:
        raise AccountUnknown("Check the spelling; names are lower-case.")
    with write_transaction():
        kept = _kept(caller.account_id, trader.pk)
        if kept is not None:
            return kept
        keys = PairedIdentity.objects.filter(account_id__in=(caller.account_id, trader.pk))
        rows = _eligible(frozenset(keys.values_list("sign", flat=True)), online=True)
        work = open_work([row.account_id for row in rows])
        head = EventHead.objects.get(pk=1)
        seed = f"{head.hash}:{caller.name}:{trader.name}"
        drawn = _in_turn(rows, seed)
        if not drawn:
            raise NoArbiterFree("Try again later, or choose an arbiter yourselves.")
        candidates = [
            {"name": row.account.name, "open_work": work.get(row.account_id, 0)} for row in rows
        ]
        return Assignment.objects.create(
            account_id=caller.account_id,
            other=trader,
            arbiter_id=drawn[0].account_id,
            seed=seed,
            candidates=json.dumps(candidates),
            at=now(),
        )


def _eligible(without: frozenset[str], *, online: bool) -> Sequence[PairedIdentity]:
    rows = (
        PairedIdentity.objects.filter(account__is_arbiter=True, account__is_active=True)
        .exclude(sign__in=without)
        .select_related("account")
        .order_by("account__name")
    )
    if online:
        rows = rows.filter(account__agent_presence__online=True)
    return list(rows)


def _in_turn(rows: Sequence[PairedIdentity], seed: str) -> Sequence[PairedIdentity]:
    work = open_work([row.account_id for row in rows])
    by_name = {row.account.name: row for row in rows}
    candidates = [Candidate(name, work.get(row.account_id, 0)) for name, row in by_name.items()]
    return [by_name[name] for name in rotation(candidates, seed=seed)]


def _kept(account_id: int, other_id: int) -> Assignment | None:
    """The draw of the last day for these two, whoever asked, if that arbiter is still online."""
    pair = Q(account_id=account_id, other_id=other_id) | Q(account_id=other_id, other_id=account_id)
    row = Assignment.objects.filter(pair, at__gt=now() - KEPT_FOR).order_by("-pk").first()
    if row is None:
        return None
    still = AgentPresence.objects.filter(
        pk=row.arbiter_id, online=True, account__is_arbiter=True
    ).exists()
    return row if still else None
