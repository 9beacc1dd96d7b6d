"""When each account's agent was last heard of."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class AgentPresence(models.Model):
    """One row for each account whose agent ever spoke up. ``since``: online, or away, since then."""

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="agent_presence",
    )
    online = models.BooleanField()
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
