"""Take a message in: judge it, store it, tell the others, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows import storage
from tripartite.coordinator.escrows.errors import (
    ArgumentTooLong,
    EscrowBusy,
    EscrowExists,
    NetworkNotServed,
    PartyUnknown,
    RoleNotYours,
)
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.escrows.succeeding import note_agreement, note_succession
from tripartite.coordinator.events.log import (
    EventType,
    NewEvent,
    Value,
    append,
    dispute_events,
    status_changes,
)
from tripartite.coordinator.limits.gate import NOT_ADMITTED
from tripartite.coordinator.limits.gate import admit as pass_gate
from tripartite.coordinator.ops.metrics.durations import note_durations
from tripartite.coordinator.presence.watching import require_arbiter
from tripartite.coordinator.relay.models import Message as StoredMessage
from tripartite.coordinator.storing import execute, now, stamp, write_transaction
from tripartite.coordinator.watch.keys import payout_key
from tripartite.coordinator.work.queue import wake
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network, Role
from tripartite.domain.rotation import ArbiterOffline
from tripartite.protocol.admission import Admission, admit, open_record
from tripartite.protocol.canonical import digest
from tripartite.protocol.envelope import Kind, Message, read_envelope

# Three parties can collide at most a few times in a row; after that something else is wrong.
_TRIES: Final = 8


_ARGUMENT: Final = (Kind.DISPUTE.value, Kind.STATEMENT.value, Kind.EVIDENCE.value)
MOST_ARGUMENTS: Final = 512
"""Of one party in one escrow: eight files of the largest size. Together 160 MB at most."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands in its mailbox. ``fresh`` is False if it stood there before."""

    escrow_id: str
    position: int
    state: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Seated:
    """The account that is paired with an identity of the terms."""

    account_id: int
    fingerprint: str


Remember = Callable[[Posted], None]


def propose(
    caller: Caller, text: str, *, network: Network, limits: Limits, remember: Remember
) -> Posted:
    """Open an escrow from a ``propose`` envelope.

    Raises what ``open_record`` raises, and ``NetworkNotServed``, ``PartyUnknown``,
    ``RoleNotYours``, ``EscrowExists``, ``ArbiterOffline``, what ``gate.admit`` raises, and for a
    successor what ``note_succession`` raises. ``remember`` runs inside the transaction.
    """
    admission = open_record(text)
    record, message = admission.record, admission.message
    if record.agreement.terms.network is not network:
        raise NetworkNotServed(f"Propose it on {network.value}, or elsewhere.")
    accounts = _accounts_of(admission)
    if accounts[message.role].account_id != caller.account_id:
        raise RoleNotYours("Propose from the account that is paired with the proposer's identity.")
    at = now()
    posted = Posted(record.escrow_id, 1, record.state.value, fresh=True)
    terms = record.agreement.terms
    try:
        with write_transaction():
            pass_gate(limits, terms.amount if terms.succeeds is None else None)
            require_arbiter(accounts[Role.ARBITER].account_id)
            storage.create(record, at=at)
            if terms.succeeds is not None:
                note_succession(caller.account_id, record, terms.succeeds)
            Participant.objects.bulk_create(
                Participant(
                    escrow_id=record.escrow_id,
                    role=role.value,
                    account_id=row.account_id,
                    fingerprint=row.fingerprint,
                )
                for role, row in accounts.items()
            )
            _insert(message, position=1, at=at)
            append([_relayed(message, position=1)], at=at)
            remember(posted)
    except IntegrityError as error:
        return _opened_before(message, error)
    except (*NOT_ADMITTED, ArbiterOffline) as error:
        # Sent again after a lost answer: what was let in then stays in.
        if storage.exists(record.escrow_id):
            return _opened_before(message, error)
        raise
    return posted


def post_message(caller: Caller, escrow_id: str, text: str, *, remember: Remember) -> Posted:
    """Add a message to an escrow.

    The same message again is answered with its place. Raises what ``admit`` raises (after noting
    the refusal in the log, visible to the sender only), ``EscrowUnknown``, ``RoleNotYours``,
    ``EscrowBusy``. ``remember`` runs inside the transaction.
    """
    for _ in range(_TRIES):
        role, seen = storage.load_for(caller.account_id, escrow_id)
        try:
            admission = admit(seen.record, text)
            if admission.message.role is not role:
                raise RoleNotYours(f"Your account is this escrow's {role.value}.")
            _check_length(admission.message)
        except (Refused, Tampered) as error:
            before = _stored_before(escrow_id, text, role)
            if before is not None:
                return before
            _note_refusal(caller, escrow_id, text, error)
            raise
        if admission.duplicate:
            before = _stored_before(escrow_id, text, role)
            if before is not None:
                return before
            continue
        posted = _store(seen, admission, remember)
        if posted is not None:
            return posted
    raise EscrowBusy("Send the same message again.")


def _check_length(message: Message) -> None:
    """Nobody fills the disk of the others. Raises ``ArgumentTooLong``."""
    if message.kind.value not in _ARGUMENT:
        return
    said = StoredMessage.objects.filter(
        escrow_id=message.escrow_id, role=message.role.value, kind__in=_ARGUMENT
    ).count()
    if said >= MOST_ARGUMENTS:
        raise ArgumentTooLong(f"A party has {MOST_ARGUMENTS} messages; show the rest elsewhere.")


def _store(seen: storage.Seen, admission: Admission, remember: Remember) -> Posted | None:
    """State, message, events and work in one transaction; None if somebody else was faster."""
    record, message = admission.record, admission.message
    position = seen.last_position + 1
    posted = Posted(record.escrow_id, position, record.state.value, fresh=True)
    at = now()
    with write_transaction():
        if not storage.store(seen, record, position=position, at=at):
            return None
        _insert(message, position=position, at=at)
        note_agreement(seen.record, record)
        remember(posted)
        changes = status_changes(record.escrow_id, admission.steps)
        disputes = dispute_events(record, admission.steps)
        append([_relayed(message, position=position), *changes, *disputes], at=at)
        if record.broadcasts:
            wake(payout_key(record.escrow_id), at=at)
        # Inside a transaction of the caller's nothing is true yet: it may still be given up.
        transaction.on_commit(
            lambda: note_durations(message, admission.steps, position=position, at=at)
        )
    return posted


def _relayed(message: Message, *, position: int) -> NewEvent:
    """The log keeps the digest; when the event is read, the envelope comes from the mailbox."""
    data: Mapping[str, Value] = {
        "role": message.role.value,
        "kind": message.kind.value,
        "digest": message.digest,
    }
    return NewEvent(
        EventType.MESSAGE_RELAYED,
        message.escrow_id,
        data,
        position=position,
        envelope=message.text,
    )


def _insert(message: Message, *, position: int, at: datetime) -> None:
    execute(
        "INSERT INTO relay_message"
        " (escrow_id, position, role, seq, kind, digest, text, received_at)"
        " VALUES (%s,%s,%s,%s,%s,%s,%s,%s)",
        [
            message.escrow_id,
            position,
            message.role.value,
            message.seq,
            message.kind.value,
            message.digest,
            message.text,
            stamp(at),
        ],
    )


def _stored_before(escrow_id: str, text: str, role: Role) -> Posted | None:
    """The place of this very text, if this role said it before: a resend after a lost answer."""
    row = (
        StoredMessage.objects.filter(
            escrow_id=escrow_id, role=role.value, digest=digest(text.encode())
        )
        .values_list("position", "escrow__state")
        .first()
    )
    return None if row is None else Posted(escrow_id, row[0], row[1], fresh=False)


def _opened_before(message: Message, error: Exception) -> Posted:
    """The same proposal again is fine; another one under the same id isn't."""
    first = (
        StoredMessage.objects.filter(escrow_id=message.escrow_id, position=1)
        .values_list("digest", "escrow__state")
        .first()
    )
    if first is not None and first[0] == message.digest:
        return Posted(message.escrow_id, 1, first[1], fresh=False)
    raise EscrowExists("Propose under a new random id.") from error


def _note_refusal(caller: Caller, escrow_id: str, text: str, error: Refused | Tampered) -> None:
    """Keep that a message was refused and why; of the message itself only its hash."""
    data: dict[str, Value] = {
        "code": error.code,
        "role": None,
        "kind": None,
        "digest": digest(text.encode("utf-8", "surrogatepass")),
    }
    try:
        claimed = read_envelope(text)
    except Refused:
        pass
    else:
        data |= {"role": claimed.role.value, "kind": claimed.kind.value}
    with write_transaction():
        append(
            [NewEvent(EventType.MESSAGE_REFUSED, escrow_id, data, account_id=caller.account_id)],
            at=now(),
        )


def _accounts_of(admission: Admission) -> Mapping[Role, _Seated]:
    """The account paired with each identity that the terms pin. Raises ``PartyUnknown``."""
    pinned = admission.record.agreement.parties
    found = execute(
        "SELECT sign, seal, account_id, fingerprint FROM accounts_pairedidentity"
        " WHERE sign IN (%s,%s,%s)",
        [party.sign for party in pinned.values()],
    ).fetchall()
    rows = {(sign, seal): _Seated(*rest) for sign, seal, *rest in found}
    accounts: dict[Role, _Seated] = {}
    for role, party in pinned.items():
        row = rows.get((party.sign, party.seal))
        if row is None:
            raise PartyUnknown(
                f"The {role.value} ({party.fingerprint}) has to pair an agent with this "
                "coordinator first.",
                role=role.value,
            )
        accounts[role] = row
    return accounts
