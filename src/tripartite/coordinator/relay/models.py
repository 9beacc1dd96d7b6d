"""The mailbox: every message that was let in, in order."""

from __future__ import annotations

from django.db import models

from tripartite.coordinator.escrows.models import Escrow


class Message(models.Model):
    """One signed envelope, as it came. The database refuses to change or delete it."""

    pk = models.CompositePrimaryKey("escrow_id", "position")
    # The primary key begins with it, so no index of its own: every message would pay for it.
    escrow = models.ForeignKey(
        Escrow, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    position = models.IntegerField()
    role = models.CharField(max_length=8)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    text = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["escrow", "role", "seq"], name="one_message_per_role_and_number"
            ),
        )
