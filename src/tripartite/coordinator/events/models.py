"""The event log's rows. Stored once, never changed: the database itself refuses (migration 2)."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """Something that happened. ``cursor`` counts from 1 without gaps, in commit order."""

    cursor = models.BigIntegerField(primary_key=True)
    type = models.CharField(max_length=32)
    escrow_id = models.CharField(max_length=64)
    # Set when only this account (and admins) may see the event; else every party of the escrow.
    account_id = models.BigIntegerField(null=True)
    # The message in the mailbox that this event is about: its text is stored once, there.
    position = models.IntegerField(null=True)
    at = models.CharField(max_length=27)  # RFC 3339, as hashed
    data = models.TextField()  # JSON, as hashed
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = (models.Index(fields=["escrow_id", "cursor"], name="events_by_escrow"),)


class EventHead(models.Model):
    """The one row that every writer locks: where the log ends."""

    cursor = models.BigIntegerField()
    hash = models.CharField(max_length=64)


class Bookmark(models.Model):
    """How far one follower of the log (``following``) has read."""

    name = models.CharField(max_length=32, primary_key=True)
    cursor = models.BigIntegerField()
