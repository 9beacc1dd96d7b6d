"""The rows that ``benchmarks.deadlines`` scans, and the scan.

A scan is everything a node does from waking up until nothing is due: take the key under a lease,
load the record, judge it, store stage and alarms in the hash-chained log, commit, hand the key
back. Escrows that are not due are rows without a record: nothing may read them.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.db import connection

from tests.unit.protocol.trade import ESCROW_ID, Trade
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.escrows import storage
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.recovery.incidents import watch_deadlines
from tripartite.coordinator.recovery.keys import DEADLINE, deadline_key
from tripartite.coordinator.recovery.models import Incident, Standing
from tripartite.coordinator.storing import now
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.deadlines import Durations
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.progress import progress

_STUCK_FOR: Final = timedelta(hours=7)
_IDLE_LOOKS: Final = 200


class WrongScan(Exception):
    """Another number of escrows was looked at, or raised an alarm, than were due."""


def make_due_escrows(count: int) -> None:
    """So many releases that nobody has signed for seven hours."""
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    trade.say(Role.BUYER, Kind.RELEASE)
    snapshot, far = storage.snapshot_of(trade.now), progress(trade.now)
    accounts = {role: Account.objects.create(name=role.value, created_at=now()) for role in Role}
    at = now() - _STUCK_FOR
    for number in range(count):
        escrow_id = f"{number + 1:x}".rjust(32, "f")
        Escrow.objects.create(
            escrow_id=escrow_id,
            state=trade.now.state.value,
            version=1,
            contract_id=trade.now.contract_id,
            network="regtest",
            amount=trade.terms.amount,
            snapshot=snapshot.replace(ESCROW_ID, escrow_id),
            last_position=1,
            created_at=at,
            changed_at=at,
        )
        for role, account in accounts.items():
            Participant.objects.create(
                escrow_id=escrow_id, role=role.value, account=account, fingerprint=""
            )
        Standing.objects.create(
            escrow_id=escrow_id, phase=far.phase, rank=far.rank, last_activity=at
        )
        WorkItem.objects.create(key=deadline_key(escrow_id), generation=1)


def make_waiting_escrows(before: int, size: int) -> None:
    """Open escrows from number ``before`` to ``size``, due a second apart from tomorrow on."""
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT {before} UNION ALL SELECT i + 1 FROM n"
        f" WHERE i + 1 < {size})"
    )
    name = "printf('%032x', i)"
    later = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 day', '+' || i || ' seconds')"
    before_now = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
    with connection.cursor() as sql:
        sql.execute(
            "INSERT INTO escrows_escrow (escrow_id, state, version, contract_id, network, amount,"
            f" snapshot, last_position, created_at, changed_at) {numbers} SELECT {name},"
            f" 'releasing', 1, NULL, 'regtest', '{1:020d}', '{{}}', 1, {before_now}, {before_now}"
            " FROM n"
        )
        sql.execute(
            "INSERT INTO recovery_standing (escrow_id, phase, rank, last_activity)"
            f" {numbers} SELECT {name}, 'releasing', 0, {before_now} FROM n"
        )
        sql.execute(
            "INSERT INTO work_workitem (key, due, generation, epoch, failures, last_error)"
            f" {numbers} SELECT '{DEADLINE}' || {name}, {later}, 1, 0, 0, '' FROM n"
        )


def scan(due: int) -> float:
    """Milliseconds until nothing is due any more. Raises ``WrongScan``."""
    Incident.objects.all().delete()
    WorkItem.objects.filter(key__startswith=f"{DEADLINE}ffff").update(due=now())
    runner = Runner({DEADLINE: watch_deadlines(Durations())})
    looks = 0
    began = time.perf_counter()
    while runner.step():
        looks += 1
    took = (time.perf_counter() - began) * 1_000
    if (looks, Incident.objects.count()) != (due, due):
        raise WrongScan(f"{looks} looks, {Incident.objects.count()} alarms; {due} were due.")
    return took


def idle_look() -> float:
    """Milliseconds that a node spends each second while nothing is due."""
    runner = Runner({})
    began = time.perf_counter()
    for _ in range(_IDLE_LOOKS):
        runner.step()
        queue.next_due()
    return (time.perf_counter() - began) * 1_000 / _IDLE_LOOKS
