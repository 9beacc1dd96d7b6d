"""What is sealed to an attached party, opened for it by its own agent."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from tripartite.agent.arguing import Exhibit, read_case_file
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import StoredCase
from tripartite.coordinator.wallets.reading import (
    MOST_FILES_BYTES,
    Opened,
    Said,
    Shown,
    answer_reading,
    waiting_reading,
)
from tripartite.coordinator.work.queue import Lease, fenced


def open_for_reader(opened: OpenHome, case: StoredCase, lease: Lease) -> None:
    """Answer, if the party has asked. Raises ``LeaseLost``, and what unsealing raises."""
    row = waiting_reading(case.escrow_id, case.role)
    if row is None:
        return
    found = _opened(opened, case)
    with fenced(lease):
        answer_reading(row, found)


def _opened(opened: OpenHome, case: StoredCase) -> Opened:
    terms = case.record.agreement.terms
    details = opened_details(opened.journal, opened.identity, case.record)
    argued = read_case_file(opened.journal, opened.identity, case)
    return Opened(
        subject=details[terms.proposer].subject if terms.proposer in details else None,
        addresses={role.value: one.address.text for role, one in details.items()},
        statements=tuple(
            Said(one.role.value, one.kind.value, one.heard_at, one.text, one.problem)
            for one in argued.statements
        ),
        files=tuple(_files(argued.exhibits)),
    )


def _files(exhibits: Sequence[Exhibit]) -> Iterator[Shown]:
    room = MOST_FILES_BYTES
    for one in exhibits:
        data = one.data or b""
        fits = len(data) <= room
        room -= len(data) if fits else 0
        yield Shown(
            by=one.role.value,
            name=one.name,
            sha256=one.sha256,
            size=None if one.data is None else len(data),
            data=base64.b64encode(data).decode() if fits else "",
            problem=one.problem,
        )
