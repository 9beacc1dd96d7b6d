"""Escrows from before there were deadlines get theirs, counted from their last change."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from tripartite.domain.lifecycle import State
from tripartite.domain.stages import first_look, waiting_for

_BATCH = 1_000


def give(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    escrows = apps.get_model("escrows", "Escrow").objects
    standings = apps.get_model("recovery", "Standing")
    work = apps.get_model("work", "WorkItem")
    head = apps.get_model("events", "EventHead").objects.get(pk=1)
    apps.get_model("events", "Bookmark").objects.create(pk="recovery", cursor=head.cursor)
    waiting = [state.value for state in State if waiting_for(state) is not None]
    rows = escrows.filter(state__in=waiting).values_list("escrow_id", "state", "changed_at")
    standing, due = [], []
    for escrow_id, state, changed_at in rows.iterator(chunk_size=_BATCH):
        # No phase yet: the first look fills it in without taking it for activity.
        standing.append(
            standings(escrow_id=escrow_id, phase="", rank=0, last_activity=changed_at)
        )
        at = first_look(
            State(state), last_activity=changed_at, durations=settings.COORDINATOR.durations
        )
        due.append(work(key=f"deadline:{escrow_id}", due=at, generation=1))
    standings.objects.bulk_create(standing, batch_size=_BATCH)
    work.objects.bulk_create(due, batch_size=_BATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0001_initial"),
        ("events", "0003_bookmarks"),
        ("work", "0001_initial"),
        ("escrows", "0001_initial"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
