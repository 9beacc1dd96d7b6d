"""Moves of money that both traders have signed already are known as such."""

from __future__ import annotations

import json

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def mark(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """There are as few successions as arbiters who had to be replaced: no batches."""
    for row in apps.get_model("escrows", "Succession").objects.select_related("predecessor"):
        payout = json.loads(row.predecessor.snapshot)["payout"]
        moved_to = [] if payout is None else payout.get("successor") or []
        row.agreed = row.successor_id in moved_to
        row.save(update_fields=["agreed"])


class Migration(migrations.Migration):
    dependencies = [("escrows", "0005_succession")]

    operations = [
        migrations.AddField(
            model_name="succession",
            name="agreed",
            field=models.BooleanField(db_default=False),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
