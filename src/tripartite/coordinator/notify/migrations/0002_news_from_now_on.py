"""Nobody is notified of what happened before there were notifications."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def begin(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    head = apps.get_model("events", "EventHead").objects.get(pk=1)
    apps.get_model("events", "Bookmark").objects.create(pk="notify", cursor=head.cursor)


class Migration(migrations.Migration):
    dependencies = [("notify", "0001_initial"), ("events", "0003_bookmarks")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
