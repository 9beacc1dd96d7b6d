"""Where everything stands, from the journal alone: works while the agent runs, and without keys."""

from __future__ import annotations

from tripartite.agent.authority import asks_person
from tripartite.agent.backup import is_backed_up
from tripartite.agent.home import public_identity
from tripartite.agent.journal import Journal, StoredCase
from tripartite.agent.wallet_book import WalletBook
from tripartite.domain.deposits import shortfall
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import write_report
from tripartite.protocol.next_step import open_verbs, waiting_on
from tripartite.protocol.record import Record

Shown = dict[str, object]


def status(journal: Journal, *, running: bool) -> Shown:
    """Plain values for people and programs; amounts are XMR as text."""
    identity = public_identity(journal)
    book = WalletBook(journal, run_id="")
    return {
        "fingerprint": identity.fingerprint,
        "network": journal.setting("network"),
        "coordinator": journal.setting("coordinator"),
        "account": journal.setting("account"),
        "running": running,
        "prepared_wallets": len(book.prepared()),
        "escrows": [_escrow(journal, book, case) for case in journal.cases()],
        "decisions": _decisions(journal),
        "alarms": [
            {
                "escrow_id": alarm.escrow_id,
                "position": alarm.position,
                "code": alarm.code,
                "detail": alarm.detail,
                "at": alarm.at,
            }
            for alarm in journal.alarms()
        ],
    }


def _escrow(journal: Journal, book: WalletBook, case: StoredCase) -> Shown:
    record, terms = case.record, case.record.agreement.terms
    own = book.address(case.escrow_id, record.attempt)
    missing, surplus = shortfall(record.reports, terms.amount_due)
    moved = None if record.payout is None else record.payout.successor
    unsent = journal.unanswered(case.escrow_id)
    return {
        "escrow_id": case.escrow_id,
        "role": case.role.value,
        "state": record.state.value,
        "amount": format_xmr(terms.amount),
        "amount_due": format_xmr(terms.amount_due),
        "parties": {
            role.value: {"account": case.names.get(role), "fingerprint": party.fingerprint}
            for role, party in record.parties.items()
        },
        "contract_id": record.contract_id,
        "attempt": record.attempt,
        # Only what this agent's own wallet shows, and only once all three attested it.
        "address": record.address if record.address == own else None,
        "deposit": {role.value: write_report(one) for role, one in record.reports.items()},
        "payout": None if record.payout is None else record.payout.txid,
        "waiting_on": [{"role": role.value, "what": what} for role, what in waiting_on(record)],
        "missing": format_xmr(missing),
        "surplus": format_xmr(surplus),
        "offers": {
            role.value: {
                "vendor_share": None if one.vendor_share is None else format_xmr(one.vendor_share),
                "moves_to": one.successor and one.successor.escrow_id,
            }
            for role, one in record.offers.items()
        },
        "succeeds": terms.succeeds and terms.succeeds.escrow_id,
        "moves_to": None if moved is None else moved.escrow_id,
        "disputed_by": record.disputed_by and record.disputed_by.value,
        "you_can": _verbs(record, case.role),
        "backed_up": is_backed_up(journal, case),
        "unsent": None if unsent is None else unsent.kind.value,
        "frozen": None
        if case.frozen is None
        else {"code": case.frozen.code, "detail": case.frozen.detail},
    }


def _verbs(record: Record, role: Role) -> list[str]:
    """What this person can decide; a ruling is signed with the command ``agree``, too."""
    found = open_verbs(record, role)
    ruled = asks_person(record, role) and "agree" not in found
    return [*found, "agree"] if ruled else [*found]


def _decisions(journal: Journal) -> list[Shown]:
    found = journal.rows(
        "SELECT id, escrow_id, kind, decided_at, outcome FROM intents ORDER BY id DESC LIMIT 50"
    )
    names = ("id", "escrow_id", "decision", "decided_at", "outcome")
    return [dict(zip(names, row, strict=True)) for row in found]
