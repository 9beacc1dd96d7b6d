"""A dispute as its party reads it: who said what, which files there are, what is on the table."""

from __future__ import annotations

from typing import Final

from tripartite.agent.arguing import keep_exhibits, read_case_file
from tripartite.agent.authority import asks_person
from tripartite.agent.consent import printable
from tripartite.agent.deciding import find
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import StoredCase
from tripartite.domain.deadlines import Durations
from tripartite.domain.money import format_xmr
from tripartite.domain.percentages import format_percent
from tripartite.protocol.next_step import waiting_on

_DAY: Final = 86_400

Shown = dict[str, object]


def read_case(opened: OpenHome, escrow: str) -> Shown:
    """Plain values for people and programs; amounts are XMR as text. Whole files are kept.

    Raises ``EscrowUnknownHere``.
    """
    case = find(opened, escrow)
    record = case.record
    found = read_case_file(opened.journal, opened.identity, case)
    directory = opened.home.evidence
    kept = {path.name: str(path) for path in keep_exhibits(directory, case, found.exhibits)}
    opening = next((one for one in found.statements if one.kind.value == "dispute"), None)
    days = int(Durations().dispute.total_seconds()) // _DAY
    return {
        "escrow_id": case.escrow_id,
        "role": case.role.value,
        "state": record.state.value,
        "parties": {
            role.value: {"account": case.names.get(role), "fingerprint": party.fingerprint}
            for role, party in record.parties.items()
        },
        "disputed_by": record.disputed_by and record.disputed_by.value,
        "disputed_at": opening and opening.heard_at,
        "clock": f"After {days} days without a word a person is called. No money moves by time.",
        "waiting_on": [{"role": role.value, "what": what} for role, what in waiting_on(record)],
        "statements": [
            {
                "by": one.role.value,
                "kind": one.kind.value,
                "heard_at": one.heard_at,
                "text": "\n".join(printable(line) for line in one.text.splitlines()),
                "problem": one.problem,
            }
            for one in found.statements
        ],
        "evidence": [
            {
                "by": one.role.value,
                "name": one.name,
                "type": one.media_type,
                "sha256": one.sha256,
                "parts": one.parts,
                "here": one.here,
                "size": None if one.data is None else len(one.data),
                "file": kept.get(f"{one.role.value}-{one.sha256[:12]}-{one.name}"),
                "problem": one.problem,
            }
            for one in found.exhibits
        ],
        "offers": {
            role.value: {
                "vendor_share": None if one.vendor_share is None else format_xmr(one.vendor_share),
                "moves_to": one.successor and one.successor.escrow_id,
            }
            for role, one in record.offers.items()
        },
        "payout": _payout(case),
    }


def _payout(case: StoredCase) -> Shown | None:
    payout = case.record.payout
    if payout is None:
        return None
    share, bps = payout.vendor_share, payout.vendor_bps
    return {
        "for": payout.event.value,
        "vendor_share": None if share is None else format_xmr(share),
        "moves_to": payout.successor and payout.successor.escrow_id,
        "vendor_percent": None if bps is None else format_percent(bps),
        "signed_by": [role.value for role in payout.signers],
        "asks_you": asks_person(case.record, case.role),
        "txid": payout.txid,
    }
