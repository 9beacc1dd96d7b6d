"""Since when each escrow stands still, each incident, and what people did about it."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models

from tripartite.coordinator.escrows.models import Escrow

NOT_LOOKED_AT: Final = ""
"""The phase of an escrow from before there were deadlines, until the first look."""


class Standing(models.Model):
    """How far an open escrow has come (``protocol.progress``), and since when."""

    escrow = models.OneToOneField(
        Escrow, on_delete=models.PROTECT, primary_key=True, related_name="standing"
    )
    phase = models.CharField(max_length=160)
    rank = models.IntegerField()
    last_activity = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(
                fields=["last_activity", "escrow"],
                condition=models.Q(phase="disputed"),
                name="disputes_by_age",
            ),
        )


class Incident(models.Model):
    """One standstill, from its first alarm to the activity that ended it. Never deleted."""

    escrow = models.ForeignKey(Escrow, on_delete=models.PROTECT, related_name="incidents")
    state = models.CharField(max_length=32)
    began_at = models.DateTimeField()  # the last activity before it
    stage = models.SmallIntegerField()  # the highest raised
    raised_at = models.DateTimeField()
    quiet_until = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=32, default="")  # the state that ended it

    class Meta:
        indexes = (
            models.Index(
                fields=["began_at", "id"],
                condition=models.Q(cleared_at=None),
                name="open_incidents_by_age",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["escrow"],
                condition=models.Q(cleared_at=None),
                name="one_open_incident_per_escrow",
            ),
        )


class Action(models.Model):
    """What an admin did about an incident."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="actions")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    action = models.CharField(max_length=32)
    notes = models.TextField()
    txid = models.CharField(max_length=64, default="")  # the payout that the network had then
    at = models.DateTimeField()


class Outcome(models.Model):
    """What became of one part of an action: what the chain, the network or an agent answered."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="outcomes")
    who = models.CharField(max_length=16)  # a role, "chain" or "network"
    result = models.CharField(max_length=32)
    detail = models.CharField(max_length=200, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["action", "who"], name="one_outcome_per_part"),
        )


class Panel(models.Model):
    """The arbiters who were asked about an incident."""

    action = models.OneToOneField(
        Action, on_delete=models.PROTECT, primary_key=True, related_name="panel"
    )
    question = models.TextField()  # JSON, word for word as asked; votes name its hash
    recommendation = models.CharField(max_length=32, default="")


class Seat(models.Model):
    """One member of a panel and, once given, the signed vote."""

    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="seats")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    choice = models.CharField(max_length=32, default="")
    envelope = models.TextField(default="")
    voted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["panel", "account"], name="one_seat_each"),)
