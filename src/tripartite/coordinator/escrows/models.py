"""The row kept for each escrow, and who takes part in it."""

from __future__ import annotations

from django.db import models

from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role


class PiconeroField(models.CharField):  # type: ignore[type-arg]  # not generic while running
    """Whole piconero, kept as 20 decimal digits.

    Monero's supply passes 2^63, SQLite turns larger integers into floats, and zero-padded text
    sorts like the number on every engine.
    """

    def __init__(self, *args: object, **options: object) -> None:
        options["max_length"] = 20
        super().__init__(*args, **options)  # type: ignore[arg-type]  # passed on as Django gave them

    def from_db_value(self, value: str | None, *_: object) -> int | None:
        return None if value is None else int(value)

    def to_python(self, value: object) -> int:
        return int(str(value))

    def get_prep_value(self, value: int | None) -> str | None:
        return None if value is None else f"{value:020d}"


class Escrow(models.Model):
    """The present record of one escrow. ``version`` guards every write."""

    escrow_id = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(max_length=32)
    version = models.BigIntegerField()
    contract_id = models.CharField(max_length=64, null=True)
    network = models.CharField(max_length=16)
    amount = PiconeroField()
    snapshot = models.TextField()  # protocol.record.Record as JSON
    last_position = models.IntegerField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=["created_at", "escrow_id"], name="escrows_by_age"),
            # The launch limits' counts are read from it alone.
            models.Index(fields=["state", "amount"], name="amounts_by_state"),
        )
        constraints = (
            models.CheckConstraint(
                name="escrow_state_is_in_the_lifecycle",
                condition=models.Q(state__in=[state.value for state in State]),
            ),
        )


class Succession(models.Model):
    """An escrow that takes over the money of another, so that it is counted once.

    ``agreed``: buyer and vendor have both signed that the money is moved there.
    """

    successor = models.OneToOneField(
        Escrow, on_delete=models.PROTECT, primary_key=True, related_name="succession"
    )
    predecessor = models.ForeignKey(Escrow, on_delete=models.PROTECT, related_name="successors")
    agreed = models.BooleanField(db_default=False)


class Participant(models.Model):
    """Which account holds which role. Fixed when the escrow is proposed."""

    escrow = models.ForeignKey(Escrow, on_delete=models.PROTECT, related_name="participants")
    role = models.CharField(max_length=8)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT)
    fingerprint = models.CharField(max_length=128)

    class Meta:
        indexes = (models.Index(fields=["account", "role"], name="roles_of_an_account"),)
        constraints = (
            models.UniqueConstraint(fields=["escrow", "role"], name="one_account_per_role"),
            models.UniqueConstraint(fields=["escrow", "account"], name="one_role_per_account"),
            models.CheckConstraint(
                name="role_is_known", condition=models.Q(role__in=[role.value for role in Role])
            ),
        )
