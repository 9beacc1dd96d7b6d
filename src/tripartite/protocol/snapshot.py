"""A record as plain JSON, for storage. Not part of the protocol: it never travels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.parties import Role
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.bodies import read_report, write_report
from tripartite.protocol.canonical import Json, parse
from tripartite.protocol.record import Attestation, Head, Offer, Payout, Record, Successor


def to_json(record: Record) -> dict[str, Json]:
    """Everything in ``record`` as plain values."""
    payout = record.payout
    return {
        "agreement": record.agreement.text,
        "proposal": record.proposal,
        "state": record.state.value,
        "heads": {role.value: [head.seq, head.digest] for role, head in record.heads.items()},
        "details": {role.value: hashed for role, hashed in record.details.items()},
        "contract_id": record.contract_id,
        "signed": [role.value for role in Role if role in record.signed],
        "attempt": record.attempt,
        "exchange": [[int(r), role.value, d] for (r, role), d in record.exchange.items()],
        "attested": {role.value: [a.address, a.transcript] for role, a in record.attested.items()},
        "address": record.address,
        "reports": {role.value: write_report(report) for role, report in record.reports.items()},
        "offers": {role.value: _write_offer(offer) for role, offer in record.offers.items()},
        "disputed_by": record.disputed_by and record.disputed_by.value,
        "broadcasts": {txid: event.value for txid, event in record.broadcasts.items()},
        "spends": {txid: list(images) for txid, images in record.spends.items()},
        "seen": {r.value: [txid, event.value] for r, (txid, event) in record.seen.items()},
        "late": {role.value: write_report(report) for role, report in record.late.items()},
        "payout": None
        if payout is None
        else {
            "event": payout.event.value,
            "builder": payout.builder.value,
            "cosigner": payout.cosigner.value,
            "attempt": payout.attempt,
            "vendor_share": None if payout.vendor_share is None else str(payout.vendor_share),
            "vendor_bps": payout.vendor_bps,
            **_write_successor(payout.successor),
            "said": [[r, role.value, d] for (r, role), d in payout.said.items()],
            "key_images": list(payout.key_images),
            "txid": payout.txid,
        },
    }


def from_json(value: Mapping[str, Json]) -> Record:
    """Read what ``to_json`` wrote.

    A snapshot comes from this process's own database, never from outside: a wrong shape is a
    broken disk or a bug, and surfaces as ``KeyError``, ``TypeError`` or ``ValueError``.
    """
    heads = cast("Mapping[str, tuple[int, str]]", value["heads"])
    details = cast("Mapping[str, str]", value["details"])
    exchange = cast("list[tuple[int, str, str]]", value["exchange"])
    attested = cast("Mapping[str, tuple[str, str]]", value["attested"])
    offers = cast("Mapping[str, list[Json]]", value["offers"])
    disputed_by = cast("str | None", value["disputed_by"])
    broadcasts = cast("Mapping[str, str]", value["broadcasts"])
    spends = cast("Mapping[str, list[str]]", value["spends"])
    seen = cast("Mapping[str, tuple[str, str]]", value["seen"])
    reports = cast("Mapping[str, Mapping[str, Json]]", value["reports"])
    late = cast("Mapping[str, Mapping[str, Json]]", value["late"])
    return Record(
        agreement=_agreement(cast("str", value["agreement"])),
        proposal=cast("str", value["proposal"]),
        state=State(cast("str", value["state"])),
        heads={Role(role): Head(seq, digest) for role, (seq, digest) in heads.items()},
        details={Role(role): hashed for role, hashed in details.items()},
        contract_id=cast("str | None", value["contract_id"]),
        signed=frozenset(Role(role) for role in cast("list[str]", value["signed"])),
        attempt=cast("int", value["attempt"]),
        exchange={(Round(r), Role(role)): digest for r, role, digest in exchange},
        attested={Role(role): Attestation(*seen) for role, seen in attested.items()},
        address=cast("str | None", value["address"]),
        reports={Role(role): read_report(report) for role, report in reports.items()},
        offers={Role(role): _offer(offer) for role, offer in offers.items()},
        disputed_by=None if disputed_by is None else Role(disputed_by),
        broadcasts={txid: Event(event) for txid, event in broadcasts.items()},
        spends={txid: tuple(images) for txid, images in spends.items()},
        seen={Role(r): (txid, Event(event)) for r, (txid, event) in seen.items()},
        late={Role(role): read_report(report) for role, report in late.items()},
        payout=_payout(cast("Mapping[str, Json] | None", value["payout"])),
    )


@lru_cache(maxsize=4_096)
def _agreement(text: str) -> Agreement:
    """Terms never change: checking their keys once per process is enough."""
    return Agreement.from_json(parse(text.encode()))


# An escrow that nobody moves is written as before there were moves: older versions can read it.
def _write_offer(offer: Offer) -> list[Json]:
    if offer.successor is not None:
        return [offer.digest, None, _write_successor(offer.successor)["successor"]]
    return [offer.digest, str(offer.vendor_share)]


def _offer(value: list[Json]) -> Offer:
    digest, share, *successor = value
    return Offer(
        cast("str", digest),
        None if share is None else int(cast("str", share)),
        _successor(successor[0]) if successor else None,
    )


def _write_successor(successor: Successor | None) -> dict[str, Json]:
    if successor is None:
        return {}
    return {"successor": [successor.escrow_id, successor.contract_id, successor.address]}


def _successor(value: Json) -> Successor | None:
    return None if value is None else Successor(*cast("list[str]", value))


def _payout(value: Mapping[str, Json] | None) -> Payout | None:
    if value is None:
        return None
    said = cast("list[tuple[int, str, str]]", value["said"])
    share = cast("str | None", value["vendor_share"])
    return Payout(
        event=Event(cast("str", value["event"])),
        builder=Role(cast("str", value["builder"])),
        cosigner=Role(cast("str", value["cosigner"])),
        attempt=cast("int", value["attempt"]),
        vendor_share=None if share is None else int(share),
        vendor_bps=cast("int | None", value["vendor_bps"]),
        successor=_successor(value.get("successor")),
        said={(r, Role(role)): digest for r, role, digest in said},
        key_images=tuple(cast("list[str]", value["key_images"])),
        txid=cast("str | None", value["txid"]),
    )
