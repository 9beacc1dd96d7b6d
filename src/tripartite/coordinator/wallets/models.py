"""Which wallet RPC serves which escrow and role, and what people with one have decided."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.wallets.errors import MappingHoldsMoney
from tripartite.domain.lifecycle import MAY_HOLD_MONEY, State
from tripartite.domain.parties import Role

PENDING = "pending"
REGISTERED = "registered"
REFUSED = "refused"

_ROLE_IS_KNOWN = models.Q(role__in=[role.value for role in Role])


def _new_id() -> str:
    return secrets.token_hex(16)


class AttachedIdentity(models.Model):
    """An account whose identity key the operator's attach process makes and holds."""

    account = models.OneToOneField(
        "accounts.Account", on_delete=models.PROTECT, primary_key=True, related_name="attached"
    )
    asked_at = models.DateTimeField()


class WalletRegistration(models.Model):
    """A wallet RPC that somebody wants to register. At most one per escrow and role is pending."""

    id = models.CharField(max_length=32, primary_key=True, default=_new_id)
    escrow = models.ForeignKey(Escrow, on_delete=models.CASCADE, related_name="registrations")
    role = models.CharField(max_length=8)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT)
    endpoint = models.CharField(max_length=32)
    credentials = models.BinaryField()  # sealed; emptied when it is decided
    request_key = models.CharField(max_length=64, default="")
    state = models.CharField(max_length=16, default=PENDING)
    code = models.CharField(max_length=64, default="")
    detail = models.TextField(default="")
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "wallet_registrations"
        constraints = (
            models.UniqueConstraint(
                fields=["escrow", "role"],
                condition=models.Q(state=PENDING),
                name="one_pending_registration_per_role",
            ),
            models.CheckConstraint(
                name="registration_state_is_known",
                condition=models.Q(state__in=[PENDING, REGISTERED, REFUSED]),
            ),
        )


class WalletMapping(models.Model):
    """The wallet RPC of one role of one escrow. Never changed by a second registration."""

    id = models.CharField(max_length=32, primary_key=True)
    escrow = models.ForeignKey(Escrow, on_delete=models.CASCADE, related_name="wallet_mappings")
    role = models.CharField(max_length=8)
    user = models.ForeignKey("accounts.Account", on_delete=models.PROTECT)
    endpoint = models.CharField(max_length=32, db_index=True)
    credentials = models.BinaryField()  # sealed: address, login, the first wallet's password
    wallet_id = models.CharField(max_length=64, unique=True)
    wallet_address = models.CharField(max_length=128)
    recovery_mode = models.CharField(max_length=16, default="manual")
    registered_at = models.DateTimeField()

    class Meta:
        db_table = "escrow_wallet_mappings"
        constraints = (
            models.UniqueConstraint(fields=["escrow", "role"], name="one_wallet_rpc_per_role"),
            models.CheckConstraint(name="mapping_role_is_known", condition=_ROLE_IS_KNOWN),
        )


class AttachedDecision(models.Model):
    """What the party of an attached wallet clicked; its agent reads it and says it.

    A proposal comes before its escrow is on record, so ``escrow_id`` is no foreign key.
    """

    id = models.CharField(max_length=32, primary_key=True, default=_new_id)
    escrow_id = models.CharField(max_length=64, db_index=True)
    role = models.CharField(max_length=8)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT)
    decision = models.CharField(max_length=16)
    content = models.BinaryField()  # sealed; emptied when it was said
    decided_at = models.DateTimeField()
    outcome = models.CharField(max_length=64, default="")

    class Meta:
        db_table = "attached_decisions"
        constraints = (
            models.CheckConstraint(name="decision_role_is_known", condition=_ROLE_IS_KNOWN),
        )


class AttachedReading(models.Model):
    """What is sealed to the party of an attached wallet, opened because that party asked to read.

    One row per escrow and role, for a few minutes.
    """

    id = models.CharField(max_length=32, primary_key=True, default=_new_id)
    escrow = models.ForeignKey(Escrow, on_delete=models.CASCADE, related_name="readings")
    role = models.CharField(max_length=8)
    content = models.BinaryField(default=bytes)  # sealed; empty until the agent has opened it
    asked_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "attached_readings"
        constraints = (
            models.UniqueConstraint(fields=["escrow", "role"], name="one_reading_per_role"),
            models.CheckConstraint(name="reading_role_is_known", condition=_ROLE_IS_KNOWN),
        )


class AttachedFreeze(models.Model):
    """Why the agent of an attached party does nothing more for an escrow, until that party has looked."""

    escrow = models.ForeignKey(Escrow, on_delete=models.CASCADE, related_name="freezes")
    role = models.CharField(max_length=8)
    code = models.CharField(max_length=64)
    since = models.DateTimeField()

    class Meta:
        db_table = "attached_freezes"
        constraints = (
            models.UniqueConstraint(fields=["escrow", "role"], name="one_freeze_per_role"),
            models.CheckConstraint(name="freeze_role_is_known", condition=_ROLE_IS_KNOWN),
        )


class AttachCursor(models.Model):
    """How far the attach processes have read the event log. One row."""

    cursor = models.BigIntegerField(default=0)


class AttachDirectory(models.Model):
    """The mark in the directory that all attach processes share. One row."""

    mark = models.CharField(max_length=64)


@receiver(pre_delete, sender=WalletMapping)
def _keep_while_money_may_be_there(instance: WalletMapping, **_: Any) -> None:  # noqa: ANN401 — as Django calls receivers
    """Without the mapping nobody could sign any more."""
    if State(instance.escrow.state) in MAY_HOLD_MONEY:
        raise MappingHoldsMoney("Wait until the escrow is over, then delete it.")
