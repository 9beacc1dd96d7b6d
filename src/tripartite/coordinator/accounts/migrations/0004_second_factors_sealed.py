"""Secrets of second factors, which were in the clear before, are sealed by the keyring.

Backwards they are opened again, for the version that was there before.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from tripartite.coordinator.accounts.second_factors import opened_data, sealed_data
from tripartite.coordinator.keyring import keyring


def seal(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("mfa", "Authenticator").objects.order_by("pk"):
        row.data = sealed_data(row.data, row.user_id, keyring())
        row.save(update_fields=["data"])


def open_again(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("mfa", "Authenticator").objects.order_by("pk"):
        row.data = opened_data(row.data, keyring())
        row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_pages"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunPython(seal, open_again)]
