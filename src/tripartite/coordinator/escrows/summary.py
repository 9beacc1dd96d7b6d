"""What a party may read of its escrow at a glance. From the record and the node's sightings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.presence.watching import Presence, presence_of
from tripartite.coordinator.recovery.models import Incident
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.watch.models import PayoutSighting
from tripartite.domain.deadlines import Stage
from tripartite.domain.deposits import shortfall
from tripartite.domain.lifecycle import State, shown_as
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import write_report
from tripartite.protocol.envelope import Kind
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import Record

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Summaries, newest first, and the id to go on after; None at the end."""

    summaries: tuple[Mapping[str, object], ...]
    next: str | None


class _Party(NamedTuple):
    account_id: int
    name: str
    fingerprint: str


def summary(account_id: int, escrow_id: str, *, required: int) -> Mapping[str, object]:
    """One escrow. Raises ``EscrowUnknown``, also for an escrow of others."""
    row = (
        Escrow.objects.filter(escrow_id=escrow_id, participants__account_id=account_id)
        .select_related("sighting")
        .first()
    )
    if row is None:
        raise EscrowUnknown("Check the id, and that this account takes part in the escrow.")
    return _summaries([row], account_id, required=required)[0]


def summaries(
    account_id: int, *, state: State | None, after: str | None, limit: int, required: int
) -> Page:
    """The account's escrows, newest first. Raises ``EscrowUnknown`` for a foreign ``after``."""
    rows = Escrow.objects.filter(participants__account_id=account_id)
    if after is not None:
        last = rows.filter(escrow_id=after).values_list("created_at").first()
        if last is None:
            raise EscrowUnknown("Take `after` from the `next` of the page before.")
        older = rows.filter(created_at__lt=last[0])
        rows = older | rows.filter(created_at=last[0], escrow_id__gt=after)
    if state is not None:
        rows = rows.filter(state=state.value)
    found = list(rows.select_related("sighting").order_by("-created_at", "escrow_id")[: limit + 1])
    shown = found[:limit]
    return Page(
        tuple(_summaries(shown, account_id, required=required)),
        shown[-1].escrow_id if len(found) > limit else None,
    )


def _summaries(
    rows: Iterable[Escrow], account_id: int, *, required: int
) -> list[Mapping[str, object]]:
    records = [(row, record_of(row.escrow_id, row.version, row.snapshot)) for row in rows]
    parties = _parties([row.escrow_id for row, _ in records])
    opened = _disputes([row.escrow_id for row, record in records if record.disputed_by is not None])
    overdue = _overdue([row.escrow_id for row, _ in records])
    agents = presence_of({one.account_id for some in parties.values() for one in some.values()})
    return [
        _summary(
            row,
            record,
            parties[row.escrow_id],
            account_id,
            required=required,
            disputed_at=opened.get(row.escrow_id),
            overdue=row.escrow_id in overdue,
            agents=agents,
        )
        for row, record in records
    ]


def _parties(escrow_ids: list[str]) -> Mapping[str, Mapping[str, _Party]]:
    """Who holds which role; without their models, which a page of escrows has hundreds of."""
    found: dict[str, dict[str, _Party]] = {escrow_id: {} for escrow_id in escrow_ids}
    rows = Participant.objects.filter(escrow_id__in=escrow_ids).values_list(
        "escrow_id", "role", "account_id", "account__name", "fingerprint"
    )
    for escrow_id, role, account_id, name, fingerprint in rows:
        found[escrow_id][role] = _Party(account_id, name, fingerprint)
    return found


def _disputes(escrow_ids: list[str]) -> dict[str, datetime]:
    """When each dispute was opened, by our clock. Most escrows have none, and aren't asked for."""
    if not escrow_ids:
        return {}
    found = (
        Message.objects.filter(escrow_id__in=escrow_ids, kind=Kind.DISPUTE.value)
        .order_by("position")
        .values_list("escrow_id", "received_at")
    )
    return dict(found)


def _overdue(escrow_ids: list[str]) -> frozenset[str]:
    """Those whose payout a person has to take up."""
    found = Incident.objects.filter(
        escrow_id__in=escrow_ids, cleared_at=None, stage__gte=int(Stage.RECOVERY)
    ).values_list("escrow_id", flat=True)
    return frozenset(found)


def _summary(
    row: Escrow,
    record: Record,
    parties: Mapping[str, _Party],
    account_id: int,
    *,
    required: int,
    disputed_at: datetime | None,
    overdue: bool,
    agents: Mapping[int, Presence],
) -> Mapping[str, object]:
    missing, surplus = shortfall(record.reports, record.agreement.terms.amount_due)
    return {
        "escrow_id": row.escrow_id,
        "contract_id": row.contract_id,
        "state": row.state,
        "status": shown_as(record.state, overdue=overdue),
        "role": next(role for role, one in parties.items() if one.account_id == account_id),
        "parties": {
            role.value: {
                "account": parties[role.value].name,
                "fingerprint": parties[role.value].fingerprint,
                "agent": None
                if (seen := agents.get(parties[role.value].account_id)) is None
                else {"online": seen.online, "since": seen.since},
            }
            for role in Role
        },
        "network": row.network,
        "amount": str(row.amount),
        "attempt": record.attempt,
        "address": record.address,
        "deposit": {role.value: write_report(one) for role, one in record.reports.items()},
        "deposit_missing": str(missing),
        "deposit_surplus": str(surplus),
        "offers": [
            {
                "by": role.value,
                "vendor_share": None if one.vendor_share is None else str(one.vendor_share),
                "moves_to": one.successor and one.successor.escrow_id,
            }
            for role, one in record.offers.items()
        ],
        "dispute": None
        if record.disputed_by is None
        else {"opened_by": record.disputed_by.value, "opened_at": disputed_at},
        "payout": _payout(record, getattr(row, "sighting", None), required),
        "succeeds": (named := record.agreement.terms.succeeds) and named.escrow_id,
        "moves_to": _moves_to(record),
        "waiting_on": [{"role": role.value, "what": what} for role, what in waiting_on(record)],
        "version": row.version,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def _moves_to(record: Record) -> str | None:
    """The escrow that the money goes, or went, to."""
    successor = None if record.payout is None else record.payout.successor
    return None if successor is None else successor.escrow_id


def _payout(
    record: Record, sighting: PayoutSighting | None, required: int
) -> Mapping[str, object] | None:
    """The payout that our node saw, which may be another than the one made last."""
    expected = None if record.payout is None else record.payout.txid
    if sighting is not None and sighting.txid in record.broadcasts:
        return {
            "txid": sighting.txid,
            "confirmations": sighting.confirmations,
            "required": required,
            "height": sighting.height,
            "elsewhere": sighting.elsewhere,
            "looked_at": sighting.looked_at,
        }
    if expected is None:
        return None
    return {
        "txid": expected,
        "confirmations": 0,
        "required": required,
        "height": None,
        "elsewhere": False,
        "looked_at": None,
    }
