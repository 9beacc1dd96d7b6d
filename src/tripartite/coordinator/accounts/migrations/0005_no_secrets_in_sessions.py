"""Sessions that hold the secret of an app in the clear end: whoever was setting one up signs in anew.

Backwards nothing is to be done: a sealed secret is none, and the app is set up anew.
"""

from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def end_sessions(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("sessions", "Session").objects.iterator():
        if SECRET_SESSION_KEY in SessionStore().decode(row.session_data):
            row.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_second_factors_sealed"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(end_sessions, migrations.RunPython.noop)]
