"""Where accounts want to hear news, and what became of each piece of it."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models

PENDING, SENT, FAILED = "pending", "sent", "failed"


class Channel(models.Model):
    """One address of one account. What opens it is sealed: a stolen database sends nothing."""

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channels"
    )
    kind = models.CharField(max_length=8)
    shown = models.CharField(max_length=200)  # scheme and host, for people
    sealed = models.BinaryField(default=b"")  # address and webhook secret; emptied when removed
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)


class Delivery(models.Model):
    """One event on its way to one channel."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    cursor = models.BigIntegerField()  # the event in the log; 0 for a test
    body = models.TextField()  # JSON: what is sent
    state = models.CharField(max_length=8, default=PENDING)
    tries = models.IntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        indexes = (
            # Few rows: counted at every scrape.
            models.Index(
                fields=["created_at"],
                name="deliveries_that_wait",
                condition=models.Q(state=PENDING),
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["channel", "cursor"],
                condition=models.Q(cursor__gt=0),
                name="one_delivery_per_event_and_channel",
            ),
        )


class Attempt(models.Model):
    """One try, and how it ended: the delivery log."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    result = models.CharField(max_length=64)  # "sent", an HTTP status or an error's code


STATES: Final = (PENDING, SENT, FAILED)
