"""Which arbiter was assigned to whom, with everything that is needed to check it."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Assignment(models.Model):
    """One draw. ``candidates`` is JSON, as drawn from."""

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments_asked_for"
    )
    other = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments_with"
    )
    arbiter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    seed = models.CharField(max_length=200)
    candidates = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["account", "other", "-at"], name="latest_assignment"),)
