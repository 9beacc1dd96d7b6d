"""What is sealed to a party with an attached wallet, for that party to read.

Its agent runs at the operator's, so there is no page of it at home: the attach process opens what
is asked for, seals it under the keyring, and some minutes later it is gone from here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import reading_spot
from tripartite.coordinator.wallets.models import AttachedReading
from tripartite.coordinator.wallets.registering import require_attached, role_in
from tripartite.coordinator.work.queue import wake
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

KEPT: Final = timedelta(minutes=10)
"""How long something opened stays here, counted from the question."""

MOST_FILES_BYTES: Final = 12 * 1024 * 1024
"""Of all files of one reading together; of what is more only names and hashes are shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reason or statement. ``problem`` says why it can't be shown."""

    by: str
    kind: str
    heard_at: str
    text: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A file of evidence. ``data`` is base64, or empty if it isn't whole or too large."""

    by: str
    name: str
    sha256: str
    size: int | None
    data: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything sealed to one party: what is traded, where each is paid, what was argued."""

    subject: str | None
    addresses: dict[str, str]
    statements: tuple[Said, ...]
    files: tuple[Shown, ...]

    def to_text(self) -> Secret:
        """As it is sealed."""
        return Secret(json.dumps(asdict(self)))

    @classmethod
    def of(cls, text: Secret) -> Opened:
        """Read back."""
        fields = json.loads(text.reveal())
        return cls(
            fields["subject"],
            fields["addresses"],
            tuple(Said(**one) for one in fields["statements"]),
            tuple(Shown(**one) for one in fields["files"]),
        )


def ask_reading(caller: Caller, escrow_id: str) -> None:
    """Have the caller's agent open what is sealed to it. Call inside a write transaction.

    Raises ``EscrowUnknown``, ``EscrowNotYours``, ``IdentityNotAttached``.
    """
    role, at = role_in(caller, escrow_id), now()
    require_attached(caller.account_id)
    AttachedReading.objects.update_or_create(
        escrow_id=escrow_id, role=role.value, defaults={"content": b"", "asked_at": at}
    )
    wake(keys.attached_key(escrow_id, role), at=at, pool=keys.ATTACH)


def opened_for(caller: Caller, escrow_id: str) -> Opened | None:
    """What was opened; None if it wasn't asked for lately, or isn't there yet.

    Raises as ``ask_reading``, and what the keyring raises.
    """
    role = role_in(caller, escrow_id)
    require_attached(caller.account_id)
    row = AttachedReading.objects.filter(
        escrow_id=escrow_id, role=role.value, asked_at__gt=now() - KEPT
    ).first()
    if row is None or not row.content:
        return None
    return Opened.of(keyring().open(row.content, reading_spot(row.id)))


def waiting_reading(escrow_id: str, role: Role) -> AttachedReading | None:
    """What an attach process still has to open."""
    return AttachedReading.objects.filter(
        escrow_id=escrow_id, role=role.value, content=b"", asked_at__gt=now() - KEPT
    ).first()


def answer_reading(row: AttachedReading, opened: Opened) -> None:
    """Keep what was opened, unless it was asked for anew. Call under the lease."""
    sealed = keyring().seal(opened.to_text(), reading_spot(row.id))
    AttachedReading.objects.filter(pk=row.pk, asked_at=row.asked_at).update(content=sealed)


def forget_readings() -> None:
    """Delete what is too old. Call inside a write transaction."""
    AttachedReading.objects.filter(asked_at__lte=now() - KEPT).delete()
