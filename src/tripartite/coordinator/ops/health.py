"""Whether this coordinator is well, for systemd, load balancers and people.

``/healthz``: the process answers. ``/readyz``: it can do its work. Both say so without a login, and
name nothing but what was checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

# Programs read these words in English; pages translate them.
from django.utils.translation import gettext_noop as _

from tripartite.coordinator.ops import problems
from tripartite.coordinator.rotating import keyring_trouble
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.models import NodeSighting
from tripartite.coordinator.watch.node import FRESH_FOR
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import LEASE, Lease
from tripartite.coordinator.work.runner import Again

PULSE_KEY: Final = "pulse:"
PULSE_EVERY: Final = timedelta(seconds=10)
PULSE_LATE: Final = LEASE + timedelta(seconds=30)
"""A runner may be busy with one look for as long as a lease lasts; later than this, none runs."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be well. ``why`` is for people, and names no value."""

    name: str
    passed: bool
    why: str = ""


def pulse(lease: Lease) -> Again:
    """Work that only shows that work is being done."""
    return Again(PULSE_EVERY)


def checks() -> tuple[Check, ...]:
    """Everything that ``/readyz`` looks at. What needs the tables is left out without them."""
    database = Check(_("database"), passed=True)
    try:
        migrations = _migrations()
        if not migrations.passed:
            return (database, migrations)
        return (database, migrations, _work(), _node(), _keyring())
    except DatabaseError as error:
        return (Check(_("database"), passed=False, why=type(error).__name__),)


def show_alive(request: HttpRequest) -> HttpResponse:
    """``GET /healthz``: answers as long as it can answer at all."""
    return HttpResponse("alive\n", content_type="text/plain")


def show_ready(request: HttpRequest) -> HttpResponse:
    """``GET /readyz``: 200, or 503 with what isn't well."""
    status, content_type, body = readiness()
    return HttpResponse(body, status=status, content_type=content_type)


def readiness() -> tuple[int, str, bytes]:
    """Status, content type and body of ``/readyz``."""
    found = checks()
    told = {check.name: "ok" if check.passed else check.why for check in found}
    if all(check.passed for check in found):
        return 200, "application/json", json.dumps({"ready": True, "checks": told}).encode()
    refused = {
        "type": "urn:tripartite:error:not_ready",
        "title": "The coordinator can't do all of its work now",
        "status": 503,
        "code": "not_ready",
        "ready": False,
        "checks": told,
    }
    return 503, problems.CONTENT_TYPE, json.dumps(refused).encode()


class Migrated:
    """Tables of this version stay so while this process runs: asked until the answer is yes."""

    known = False


def _migrations() -> Check:
    if not Migrated.known:
        executor = MigrationExecutor(connection)
        Migrated.known = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Check(_("migrations"), Migrated.known, _("the tables are those of another version"))


def _work() -> Check:
    row = WorkItem.objects.filter(pk=PULSE_KEY).only("due").first()
    alive = row is not None and row.due is not None and row.due > now() - PULSE_LATE
    return Check(_("work"), alive, _("no work runner is at work"))


def _node() -> Check:
    if not _node_is_configured():
        return Check(_("node"), passed=False, why=_("no monerod is configured"))
    seen = NodeSighting.objects.filter(pk=1).first()
    if seen is None or seen.looked_at <= now() - FRESH_FOR:
        return Check(_("node"), passed=False, why=_("our own monerod doesn't answer"))
    return Check(_("node"), seen.synchronized, _("our own monerod hasn't the whole chain yet"))


def _keyring() -> Check:
    well = not keyring_trouble(settings.COORDINATOR.keyring_file)
    return Check(_("keyring"), well, _("the keyring file is missing, unusable or lacks a key"))


def _node_is_configured() -> bool:
    return settings.COORDINATOR.monerod_url is not None
