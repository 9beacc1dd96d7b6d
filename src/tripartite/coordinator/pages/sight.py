"""One escrow as its page shows it: whose turn, by when, what happened. From what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import segno
from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.escrows.storage import load, record_of
from tripartite.coordinator.escrows.succeeding import successor_record
from tripartite.coordinator.events.log import EventType
from tripartite.coordinator.events.models import Event as LoggedEvent
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.decided import Decided, decided_by
from tripartite.coordinator.pages.moves import Move, accepting, attached_moves, moves
from tripartite.coordinator.pages.succession import Place, place_of
from tripartite.coordinator.pages.turns import Turn, turn_of
from tripartite.coordinator.pages.wording import Text
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.recovery.incidents import next_alarm
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.wallets.freezing import code_of_freeze
from tripartite.coordinator.wallets.models import AttachedIdentity, WalletMapping
from tripartite.coordinator.watch.models import PayoutSighting
from tripartite.domain.deposits import shortfall
from tripartite.domain.lifecycle import (
    BEFORE_THE_WALLET,
    CLOSED,
    PAYOUT_STATES,
    Event,
    State,
    Teller,
    is_open,
)
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.protocol.record import Record

_TIMELINE: Final = 400
"""Entries shown of one escrow; a dispute with much evidence has more messages than anybody reads."""

_PATH: Final = (
    (gettext_noop("Terms"), frozenset({State.CREATED})),
    (gettext_noop("Wallet"), frozenset({State.ACCEPTED, State.KEYING})),
    (gettext_noop("Deposit"), frozenset({State.AWAITING_DEPOSIT})),
    (gettext_noop("Delivery"), frozenset({State.FUNDED, State.DISPUTED})),
    (gettext_noop("Payout"), frozenset(PAYOUT_STATES)),
    (gettext_noop("Final"), CLOSED),
)


@dataclass(frozen=True, slots=True)
class PartyShown:
    """Who holds a role, and when their agent was heard last. ``online`` is None if it never said."""

    role: Role
    name: Text
    account: str
    fingerprint: str
    heard_at: datetime | None
    online: bool | None
    is_you: bool


@dataclass(frozen=True, slots=True)
class Payment:
    """How a reader who has to pay in can do it: a link for a wallet, and the same as a QR code."""

    uri: str
    qr: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """What has arrived, by the word of each wallet that reports. XMR as text.

    ``payment`` is shown to who pays, while money is missing and awaited.
    """

    address: str
    payment: Payment | None
    is_awaited: bool
    due: str
    missing: str | None
    surplus: str | None
    reports: tuple[tuple[Text, str, str, str], ...]
    confirmations: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    text: str
    is_state: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything the page shows."""

    escrow_id: str
    role: Role
    state: State
    state_name: Text
    meaning: Text
    amount: str
    network: str
    turn: Turn
    due: datetime | None
    steps: tuple[tuple[str, str], ...]
    parties: tuple[PartyShown, ...]
    deposit: Deposit | None
    accepting: Move | None
    moves: tuple[Move, ...]
    is_attached: bool
    needs_wallet: bool
    frozen: str | None
    """Why the reader's agent has stopped, as an error's code; known only of an attached one."""
    decided: tuple[Decided, ...]
    may_invite: bool
    offers: tuple[tuple[Text, str, str], ...]
    place: Place
    disputed_by: Text | None
    disputed_at: datetime | None
    payout: Mapping[str, object] | None
    timeline: tuple[Entry, ...]
    created_at: datetime
    changed_at: datetime
    version: int

    @property
    def unsaid(self) -> int:
        """How many decisions the agent hasn't said yet."""
        return sum(not one.outcome for one in self.decided)

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens."""
        return self.state in CLOSED


def look(account: Account, escrow_id: str, *, required: int) -> Sight:
    """The escrow for one of its parties.

    Raises ``EscrowUnknown`` also for an escrow of others: strangers can't find out which exist.
    """
    row = (
        Escrow.objects.filter(escrow_id=escrow_id, participants__account=account)
        .select_related("sighting")
        .first()
    )
    if row is None:
        raise EscrowUnknown("Check the id, and that this account takes part in the escrow.")
    record = record_of(row.escrow_id, row.version, row.snapshot)
    people = {
        Role(one.role): one
        for one in Participant.objects.filter(escrow=row).select_related("account")
    }
    role = next(role for role, one in people.items() if one.account_id == account.pk)
    offers = record.offers.items()
    attached = AttachedIdentity.objects.filter(pk=account.pk).exists()
    frozen = code_of_freeze(escrow_id, role) if attached else None
    to_accept = accepting(record, role)
    amount = record.agreement.terms.amount
    return Sight(
        escrow_id=row.escrow_id,
        role=role,
        state=record.state,
        state_name=wording.STATES[record.state],
        meaning=wording.MEANINGS[record.state],
        amount=format_xmr(amount),
        network=row.network,
        turn=turn_of(
            record,
            role,
            {one: people[one].account.name for one in Role},
            attached=attached,
            frozen=frozen is not None,
        ),
        due=alarm_of(row, record.state),
        steps=_steps(record.state),
        parties=_parties(row.escrow_id, people, role),
        deposit=_deposit(record, role),
        accepting=to_accept,
        moves=_clicks(record, role) if attached else moves(record, role),
        is_attached=attached,
        needs_wallet=attached
        and record.state in BEFORE_THE_WALLET
        and not WalletMapping.objects.filter(escrow=row, role=role.value).exists(),
        frozen=frozen,
        decided=decided_by(row.escrow_id, account) if attached else (),
        may_invite=to_accept is None
        and is_open(record.state, Event.TERMS_SIGNED, by=Teller.ALL_THREE),
        offers=tuple(
            (
                wording.ROLES[by],
                format_xmr(one.vendor_share),
                format_xmr(amount - one.vendor_share),
            )
            for by, one in offers
            if one.vendor_share is not None
        ),
        place=place_of(record, role, attached=attached),
        disputed_by=None if record.disputed_by is None else wording.ROLES[record.disputed_by],
        disputed_at=Message.objects.filter(escrow=row, kind="dispute").aggregate(
            at=Max("received_at")
        )["at"],
        payout=_payout(record, getattr(row, "sighting", None), required),
        timeline=_timeline(row.escrow_id),
        created_at=row.created_at,
        changed_at=row.changed_at,
        version=row.version,
    )


def _clicks(record: Record, role: Role) -> tuple[Move, ...]:
    """Buyer and vendor take part in both escrows of a move; a new arbiter in one alone."""
    named = record.agreement.terms.succeeds
    before = None if named is None or role is Role.ARBITER else load(named.escrow_id).record
    after = successor_record(record.escrow_id)
    return attached_moves(record, role, successor=after, predecessor=before)


def alarm_of(row: Escrow, state: State) -> datetime | None:
    """When somebody is alarmed if nothing happens, by this operator's durations."""
    durations = settings.COORDINATOR.durations
    return next_alarm(row.escrow_id, state, changed_at=row.changed_at, durations=durations)


def _steps(state: State) -> tuple[tuple[str, str], ...]:
    """The path, each step with past, now or ahead."""
    at = next(number for number, (_name, states) in enumerate(_PATH) if state in states)
    marks = ("past" if number < at else "now" if number == at else "ahead" for number in range(9))
    return tuple((_(name), mark) for (name, _states), mark in zip(_PATH, marks, strict=False))


def _parties(
    escrow_id: str, people: Mapping[Role, Participant], own: Role
) -> tuple[PartyShown, ...]:
    heard = dict(
        Message.objects.filter(escrow_id=escrow_id)
        .values_list("role")
        .annotate(at=Max("received_at"))
        .values_list("role", "at")
    )
    accounts = [one.account_id for one in people.values()]
    online = dict(
        AgentPresence.objects.filter(account_id__in=accounts).values_list("account_id", "online")
    )
    return tuple(
        PartyShown(
            role=role,
            name=wording.ROLES[role],
            account=people[role].account.name,
            fingerprint=people[role].fingerprint,
            heard_at=heard.get(role.value),
            online=online.get(people[role].account_id),
            is_you=role is own,
        )
        for role in Role
    )


def _deposit(record: Record, role: Role) -> Deposit | None:
    """Only once all three have attested the same address."""
    terms = record.agreement.terms
    if record.address is None:
        return None
    missing, surplus = shortfall(record.reports, terms.amount_due)
    # Paying makes sense only while the deposit is waited for.
    # Nobody pays into a successor: its money is moved there.
    waits = is_open(record.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS)
    awaited = missing > 0 and waits and terms.succeeds is None
    uri = f"monero:{record.address}?tx_amount={format_xmr(missing)}"
    return Deposit(
        address=record.address,
        payment=Payment(uri, _qr(uri)) if awaited and role is Role.BUYER else None,
        is_awaited=awaited,
        due=format_xmr(terms.amount_due),
        missing=format_xmr(missing) if missing else None,
        surplus=format_xmr(surplus) if surplus else None,
        reports=tuple(
            (
                wording.ROLES[role],
                format_xmr(one.confirmed),
                format_xmr(one.pending),
                format_xmr(one.locked),
            )
            for role, one in record.reports.items()
        ),
        confirmations=terms.required_confirmations,
    )


def _qr(text: str) -> str:
    """A QR code as SVG without styles, which the content security policy would refuse."""
    return segno.make(text, error="m").svg_inline(
        scale=4, omitsize=True, svgclass=None, lineclass=None, title=_("QR code of the payment")
    )


def _payout(
    record: Record, sighting: PayoutSighting | None, required: int
) -> Mapping[str, object] | None:
    expected = None if record.payout is None else record.payout.txid
    if sighting is not None and sighting.txid in record.broadcasts:
        depth = sighting.confirmations
        return {
            "txid": sighting.txid,
            "confirmations": depth,
            "lacking": max(0, required - depth),
            "required": required,
        }
    if expected is None:
        return None
    return {"txid": expected, "confirmations": 0, "lacking": required, "required": required}


def _timeline(escrow_id: str) -> tuple[Entry, ...]:
    """What happened, the latest first; a run of messages of the same kind is one line."""
    rows = LoggedEvent.objects.filter(escrow_id=escrow_id, account_id=None).order_by("-cursor")
    return tuple(_told(rows.values_list("type", "at", "data")[:_TIMELINE]))


def _told(rows: Iterable[tuple[str, str, str]]) -> Iterator[Entry]:
    for (kind, did), run in groupby(rows, key=_sort):
        together = list(run)
        _type, at, data = together[0]
        facts, moment = json.loads(data), datetime.fromisoformat(at)
        match EventType(kind):
            case EventType.MESSAGE_RELAYED:
                roles = dict.fromkeys(str(json.loads(one[2])["role"]) for one in together)
                yield Entry(moment, _said(list(roles), did), is_state=False)
            case EventType.ESCROW_STATUS_CHANGED if facts["from"] != facts["to"]:
                yield Entry(moment, str(wording.MEANINGS[State(facts["to"])]), is_state=True)
            case EventType.RECOVERY_ACTION_TAKEN:
                yield Entry(moment, _("An admin took it up."), is_state=False)
            case EventType.TRANSACTION_SEEN:
                yield Entry(moment, _("The payout was seen on the network."), is_state=False)
            case EventType.TRANSACTION_CONFIRMED:
                yield Entry(moment, _("The payout is final."), is_state=True)
            case EventType.TRANSACTION_VANISHED:
                gone = _("The payout vanished from the network; it is sent again.")
                yield Entry(moment, gone, is_state=True)


def _sort(row: tuple[str, str, str]) -> tuple[str, str]:
    """What kind of entry a row makes: neighbours of one kind are told in one line."""
    kind, at, data = row
    relayed = kind == EventType.MESSAGE_RELAYED
    return kind, str(json.loads(data)["kind"]) if relayed else at + data


def _said(roles: list[str], did: str) -> str:
    """Roles come the latest first; they are named in the order in which they spoke."""
    names = ", ".join(str(wording.ROLES[Role(role)]) for role in reversed(roles))
    return f"{names}: {wording.KINDS.get(did, did)}"
