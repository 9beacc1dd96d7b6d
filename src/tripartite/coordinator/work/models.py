"""Things to look at later."""

from __future__ import annotations

from django.db import models


class WorkItem(models.Model):
    """One key and when to look at it. A row is never deleted, so its epoch only grows."""

    key = models.CharField(max_length=128, primary_key=True)
    pool = models.CharField(max_length=16, db_default="serve")  # whose runners look at it
    due = models.DateTimeField(null=True)  # null: nothing to do until somebody wakes it
    generation = models.BigIntegerField(default=0)  # grows with every wake-up
    epoch = models.BigIntegerField(default=0)  # grows with every taker: the fencing token
    lease_until = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    last_error = models.CharField(max_length=200, default="")

    class Meta:
        indexes = (
            models.Index(fields=["pool", "due"], name="work_by_pool_and_due_time"),
            # Few rows: counted at every scrape.
            models.Index(
                fields=["failures"], name="work_that_fails", condition=models.Q(failures__gt=0)
            ),
        )
