"""What our own node said about each payout."""

from __future__ import annotations

from django.db import models

from tripartite.coordinator.escrows.models import Escrow


class PayoutSighting(models.Model):
    """The latest look at one escrow's payout transaction."""

    escrow = models.OneToOneField(
        Escrow, on_delete=models.PROTECT, primary_key=True, related_name="sighting"
    )
    txid = models.CharField(max_length=64)
    height = models.BigIntegerField(null=True)  # null: in the pool, or missing
    confirmations = models.IntegerField()
    missing = models.BooleanField()
    elsewhere = models.BooleanField(default=False)  # it spends something else
    looked_at = models.DateTimeField()


class NodeSighting(models.Model):
    """The latest answer of our own node. One row."""

    height = models.BigIntegerField()
    target_height = models.BigIntegerField(default=0)  # 0: it knows of no higher chain
    synchronized = models.BooleanField(default=False)
    version = models.CharField(max_length=64)
    looked_at = models.DateTimeField()
