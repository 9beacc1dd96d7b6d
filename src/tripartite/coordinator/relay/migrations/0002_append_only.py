"""Messages are kept as they came."""

from django.db import migrations

from tripartite.coordinator.events.append_only import protect


class Migration(migrations.Migration):
    dependencies = [("relay", "0001_initial")]

    operations = [protect("relay_message")]
