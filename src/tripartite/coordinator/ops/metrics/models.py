"""Figures that would be slow to count anew at each scrape."""

from __future__ import annotations

from django.db import models

from tripartite.domain.lifecycle import State


class EscrowCount(models.Model):
    """How many escrows are in one state. Kept by triggers (``triggers.py``), never by hand."""

    state = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField(default=0)
    entered = models.BigIntegerField(default=0)  # how often any escrow came into it; only grows

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="counted_state_is_in_the_lifecycle",
                condition=models.Q(state__in=[state.value for state in State]),
            ),
        )


class AuditPass(models.Model):
    """How far the running check of the event log has come. One row."""

    cursor = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)
    # When the log was last found whole from its first event to its end; null: not yet.
    whole_at = models.DateTimeField(null=True)
    # Where that was; 0 while a pass from the first event on is under way.
    whole_cursor = models.BigIntegerField(default=0)
    # Set when a check failed; stays until a whole pass finds nothing.
    broken_at = models.DateTimeField(null=True)
    broken_cursor = models.BigIntegerField(null=True)
