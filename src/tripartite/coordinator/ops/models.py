"""Answers kept so that a repeated request gets the same one."""

from __future__ import annotations

from django.db import models


class StoredAnswer(models.Model):
    """The answer to one POST with an Idempotency-Key."""

    # The account, or 0 for requests without one.
    account_id = models.BigIntegerField()
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=128)
    body_mac = models.CharField(max_length=64)
    status = models.IntegerField()
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "path", "key"], name="one_answer_per_key"
            ),
        )
