"""What the steps of an escrow work with, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from tripartite.agent.decisions import Decisions
from tripartite.agent.intake import Cases
from tripartite.agent.journal import Journal, StoredCase
from tripartite.agent.ports import AtBoundary, Coordinator, Node, Wallets
from tripartite.agent.speaking import Say
from tripartite.agent.wallet_book import WalletBook
from tripartite.domain.errors import Tampered
from tripartite.domain.lifecycle import Event
from tripartite.domain.parties import Role
from tripartite.domain.terms import Details
from tripartite.protocol.agreement import read_details
from tripartite.protocol.bodies import open_sealed
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, place, read_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import Record
from tripartite.protocol.sealing import seal


class JournalIncomplete(Tampered):
    """The journal lacks a message that the record names."""

    code: ClassVar[str] = "journal_incomplete"


@dataclass(frozen=True, slots=True)
class Later:
    """Look again after so many seconds, or when something arrives.

    ``looked`` is False if the look itself had to be put off: then no news may shorten the wait, and
    none need come for the next try.
    """

    seconds: float
    looked: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """This agent's own node showed a fact."""

    event: Event


Outcome: TypeAlias = Say | Later | Seen | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are looked at, in seconds, and how many wallets wait ready made.

    ``watching`` is for escrows that wait for money, ``guarding`` for those that have it (a
    reorganisation could take it away), ``confirming`` for payouts. ``pulse`` is between two
    questions to the node whether anything happened; while it is asked, nothing is looked at before
    it says so, or very ``seldom``.
    """

    watching: float = 20.0
    guarding: float = 300.0
    confirming: float = 20.0
    pulse: float = 2.0
    seldom: float = 3_600.0
    first_retry: float = 0.5
    longest_retry: float = 60.0
    prepared_wallets: int = 2


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one agent works with."""

    identity: Identity
    journal: Journal
    cases: Cases
    decisions: Decisions
    book: WalletBook
    wallets: Wallets
    node: Node
    coordinator: Coordinator
    pace: Pace
    at: AtBoundary
    warm_wallet: Callable[[], str | None]

    def seal(
        self, case: StoredCase, kind: Kind, field: str, text: str, *, attempt: int, round_: int
    ) -> dict[str, Json]:
        """A body with one text sealed to the two others."""
        spot = place(case.escrow_id, attempt=attempt, round_=round_, role=case.role, kind=kind)
        readers = [case.record.parties[other] for other in case.role.others()]
        return {"sealed": seal({field: text}, readers=readers, place=spot)}

    def unseal(self, case: StoredCase, digest: str, field: str) -> str:
        """The text sealed in the message with this digest."""
        return open_sealed(read_envelope(self._text(case, digest)), field, reader=self.identity)

    def details(self, case: StoredCase) -> Mapping[Role, Details]:
        """The sealed parts given so far. Raises what ``opened_details`` raises."""
        return opened_details(self.journal, self.identity, case.record)

    def _text(self, case: StoredCase, digest: str) -> str:
        text = self.journal.text_of(case.escrow_id, digest)
        if text is None:
            raise _incomplete()
        return text


def opened_details(journal: Journal, identity: Identity, record: Record) -> Mapping[Role, Details]:
    """The sealed parts given so far, opened and compared with their hashes.

    Raises ``DetailsSwapped`` and the other errors of ``read_details``; ``JournalIncomplete``.
    """
    parts: dict[Role, Details] = {}
    for role in record.details:
        proposer = role is record.agreement.terms.proposer
        text = journal.said(record.escrow_id, Kind.PROPOSE if proposer else Kind.ACCEPT, role)
        if text is None:
            raise _incomplete()
        message = read_envelope(text)
        parts[role] = read_details(
            message.body["details"],
            reader=identity,
            agreement=record.agreement,
            role=role,
            place=message.place,
        )
    return parts


def _incomplete() -> JournalIncomplete:
    return JournalIncomplete("A message on record is missing in the journal. Restore a backup.")
