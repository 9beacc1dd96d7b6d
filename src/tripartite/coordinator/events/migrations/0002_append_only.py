"""The log's first head, and the triggers that keep its rows."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from tripartite.coordinator.events.append_only import protect
from tripartite.coordinator.events.chain import GENESIS


def begin(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("events", "EventHead").objects.create(pk=1, cursor=0, hash=GENESIS)


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [migrations.RunPython(begin), protect("events_event")]
