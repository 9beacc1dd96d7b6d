"""Announced transactions that spend something else than the escrow's money."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("watch", "0002_node_sync")]

    operations = [
        migrations.AddField(
            "payoutsighting",
            "elsewhere",
            models.BooleanField(default=False),
        ),
    ]
