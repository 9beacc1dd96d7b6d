"""Addresses of channels are sealed by the keyring, as the other secrets are.

Before, they had a key file of their own (``channel_key``). What was sealed under it isn't opened
here: the migration stops before it changes anything, and says what to do.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from tripartite.coordinator.notify.credentials import ChannelsOfAnotherKey


def refuse_what_would_be_lost(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if apps.get_model("notify", "Channel").objects.exclude(sealed="").exists():
        raise ChannelsOfAnotherKey(
            "Have their owners remove them with the version that you had, or run `UPDATE "
            "notify_channel SET sealed = '', removed_at = CURRENT_TIMESTAMP WHERE sealed <> ''`; "
            "then migrate again, and have them opened anew."
        )


class Migration(migrations.Migration):
    dependencies = [("notify", "0003_waiting")]

    operations = [
        migrations.RunPython(refuse_what_would_be_lost, migrations.RunPython.noop),
        migrations.RemoveField(model_name="channel", name="sealed"),
        migrations.AddField(
            model_name="channel", name="sealed", field=models.BinaryField(default=b"")
        ),
    ]
