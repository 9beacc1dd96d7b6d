"""Own words: written, judged by ourselves, stored, and only then sent; the same text until answered.

One message of an escrow is unanswered at a time. Numbers rise and are never used twice, refused
ones included; ``prev`` names the last own message that the coordinator put on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tripartite.agent.intake import Cases
from tripartite.agent.journal import Journal, Outgoing, StoredCase
from tripartite.agent.ports import AtBoundary, Boundary, Coordinator
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message, write_envelope
from tripartite.protocol.identity import Identity


class MessageRefused(Refused):
    """The coordinator refused this agent's message."""

    code: ClassVar[str] = "message_refused"

    def __init__(self, detail: str, *, reason: str) -> None:
        """``reason`` is the code that the coordinator gave."""
        super().__init__(detail, reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Say:
    """A message to be said, and what is stored in the same commit."""

    kind: Kind
    body: Mapping[str, Json]
    attempt: int = 0
    round: int = 0
    also: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The coordinator said no, with this code."""

    code: str


class Speaker:
    """Writes and delivers the messages of one identity."""

    def __init__(
        self,
        identity: Identity,
        journal: Journal,
        cases: Cases,
        coordinator: Coordinator,
        *,
        at: AtBoundary,
    ) -> None:
        self._identity = identity
        self._journal = journal
        self._cases = cases
        self._coordinator = coordinator
        self._at = at

    def write(self, case: StoredCase, say: Say) -> Outgoing:
        """Sign ``say`` as the next message of this escrow and store it.

        Raises what ``admit`` raises: what we wouldn't take from others we don't say.
        """
        record = case.record
        head = record.heads.get(case.role)
        before_contract = say.kind is Kind.ACCEPT
        text = write_envelope(
            self._identity,
            escrow_id=case.escrow_id,
            contract_id=None if before_contract else record.contract_id,
            role=case.role,
            kind=say.kind,
            seq=max(self._journal.last_seq(case.escrow_id), head.seq if head else 0) + 1,
            prev=head.digest if head else None,
            body=say.body,
            attempt=say.attempt,
            round_=say.round,
        )
        return self._store(admit(record, text).message, say.also)

    def write_proposal(
        self,
        escrow_id: str,
        role: Role,
        body: Mapping[str, Json],
        also: Callable[[], None],
    ) -> Outgoing:
        """Sign a proposal and store it. Raises what ``open_record`` raises."""
        text = write_envelope(
            self._identity,
            escrow_id=escrow_id,
            contract_id=None,
            role=role,
            kind=Kind.PROPOSE,
            seq=self._journal.last_seq(escrow_id) + 1,
            prev=None,
            body=body,
        )
        return self._store(open_record(text).message, also)

    def deliver(self, outgoing: Outgoing) -> Refusal | None:
        """Hand a stored message to the coordinator; None when it is on record.

        Raises an ``Unavailable`` when it is unknown whether it arrived: deliver it again.
        """
        try:
            if outgoing.kind is Kind.PROPOSE:
                placed = self._coordinator.propose(outgoing.text)
            else:
                placed = self._coordinator.post(outgoing.escrow_id, outgoing.text)
        except MessageRefused as refused:
            self._at(Boundary.SENT)
            if self._is_on_record(outgoing):
                return None
            self._journal.answer(outgoing.escrow_id, outgoing.seq, refusal=refused.reason)
            return Refusal(refused.reason)
        self._at(Boundary.SENT)
        self._cases.placed(outgoing, placed.position)
        self._at(Boundary.FOLDED)
        return None

    def _is_on_record(self, outgoing: Outgoing) -> bool:
        """It came back by the event stream: then an earlier sending was taken after all."""
        now = self._journal.outgoing(outgoing.escrow_id, outgoing.digest)
        return now is not None and now.position is not None

    def _store(self, message: Message, also: Callable[[], None] | None) -> Outgoing:
        with self._journal.commit():
            self._journal.save_outgoing(message)
            if also is not None:
                also()
        self._at(Boundary.JOURNALED)
        return Outgoing(
            message.escrow_id, message.seq, message.kind, message.digest, message.text, None, None
        )
