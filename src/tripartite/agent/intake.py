"""What the coordinator forwards, judged again before it counts.

The coordinator is only a postman. Each agent folds the same words in the same order with the same
judge; if something doesn't verify, the coordinator or a party lied, and this agent does nothing
more for that escrow until its human has looked (``Freeze``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, Final

from tripartite.agent.journal import Freeze, Journal, Outgoing, StoredCase
from tripartite.agent.own_words import recognise
from tripartite.agent.ports import Forwarded
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.lifecycle import CLOSED, Event, MoveNotOpen, Teller, is_open
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit, observe, open_record
from tripartite.protocol.canonical import digest
from tripartite.protocol.envelope import Kind, Message, read_envelope
from tripartite.protocol.identity import PublicIdentity
from tripartite.protocol.record import NotAParty, Record

CURSOR: Final = "events_cursor"
_CACHED: Final = 2_048


class PositionRewritten(Tampered):
    """The coordinator shows another message in a place that was taken."""

    code: ClassVar[str] = "position_rewritten"


class MessageRepeated(Tampered):
    """The coordinator forwards one message in two places."""

    code: ClassVar[str] = "message_repeated"


class Cases:
    """All escrows of this agent, those in use in memory. Safe to share between threads."""

    def __init__(
        self, journal: Journal, own: PublicIdentity, *, unbound_by: str | None = None
    ) -> None:
        """``unbound_by`` is the code of a freeze that binds others, not the holder of this."""
        self._journal = journal
        self._own = own
        self._unbound_by = unbound_by
        self._lock = threading.RLock()
        self._cache: OrderedDict[str, StoredCase] = OrderedDict()
        self._early: dict[str, dict[int, str]] = {}
        self._behind: set[str] = set()
        self._alarmed = False
        self._awaiting_end: set[str] = set()

    def get(self, escrow_id: str) -> StoredCase | None:
        """An escrow as this agent sees it."""
        with self._lock:
            case = self._cache.get(escrow_id) or self._journal.case(escrow_id)
            if case is not None and case.frozen and case.frozen.code == self._unbound_by:
                case = replace(case, frozen=None)
            if case is not None:
                self._keep(case)
            return case

    def is_behind(self, escrow_id: str) -> bool:
        """Whether messages are known to be missing here."""
        with self._lock:
            return escrow_id in self._behind or bool(self._early.get(escrow_id))

    def awaits_end(self, escrow_id: str) -> bool:
        """Whether a message is held that fits only once the own node has shown a payout final."""
        with self._lock:
            return escrow_id in self._awaiting_end

    def receive(self, batch: Iterable[Forwarded], *, cursor: int | None = None) -> set[str]:
        """Judge and fold a batch, in one commit; the escrows that moved.

        ``cursor`` is where the event stream stands after it. It isn't stored while messages are
        held back behind a gap: after a restart they come again.
        """
        with self._lock, self._heard():
            touched: dict[str, None] = {}
            for item in batch:
                self._offer(item)
                touched[item.escrow_id] = None
            moved = {escrow_id for escrow_id in touched if self._fold(escrow_id)}
            if cursor is not None and not self._early:
                self._journal.set_setting(CURSOR, str(cursor))
            return moved

    def placed(self, outgoing: Outgoing, position: int) -> None:
        """The coordinator took an own message: store that and fold it, in one commit."""
        with self._lock, self._heard():
            self._journal.answer(outgoing.escrow_id, outgoing.seq, position=position)
            self._offer(Forwarded(outgoing.escrow_id, position, outgoing.text))
            self._fold(outgoing.escrow_id)

    def mark_behind(self, escrow_id: str) -> None:
        """Nothing is said in this escrow before the coordinator was asked what it has."""
        with self._lock:
            self._behind.add(escrow_id)

    def caught_up(self, escrow_id: str, batch: Iterable[Forwarded]) -> None:
        """Everything the coordinator has for an escrow, from where this agent stood."""
        with self._lock:
            self._behind.discard(escrow_id)
            self.receive(batch)

    def observe(self, escrow_id: str, event: Event) -> None:
        """A fact that this agent's own node showed."""
        with self._lock:
            case = self.get(escrow_id)
            assert case is not None
            record, _ = observe(case.record, event, by=Teller.CHAIN)
            self._journal.save_case(record, role=case.role, position=case.position)
            self._keep(replace(case, record=record))
            if escrow_id in self._awaiting_end:
                self._awaiting_end.discard(escrow_id)
                with self._heard():
                    self._fold(escrow_id)

    def name(self, escrow_id: str, names: Mapping[Role, str]) -> None:
        """Remember which accounts the parties have."""
        with self._lock:
            case = self.get(escrow_id)
            assert case is not None
            self._journal.save_names(escrow_id, names)
            self._keep(replace(case, names=names))

    def freeze(self, escrow_id: str, error: Refused | Tampered, *, position: int | None) -> None:
        """Do nothing more for this escrow, and say so."""
        why = Freeze(error.code, error.detail)
        with self._lock, self._journal.commit():
            self._journal.alarm(escrow_id, position, why)
            self._journal.freeze(escrow_id, why)
            case = self.get(escrow_id)
            if case is not None:
                self._keep(replace(case, frozen=why))

    def resume(self, escrow_id: str) -> None:
        """A human has looked: go on, from what the coordinator has."""
        with self._lock:
            self._journal.freeze(escrow_id, None)
            case = self.get(escrow_id)
            if case is not None:
                self._keep(replace(case, frozen=None))
                self._behind.add(escrow_id)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """A commit of what the coordinator would say again after a power cut.

        An alarm is synced: asked again, a liar might show something else.
        """
        with self._journal.commit(synced=False):
            yield
        if self._alarmed:
            self._alarmed = False
            self._journal.sync()

    def _offer(self, item: Forwarded) -> None:
        self._early.setdefault(item.escrow_id, {})[item.position] = item.text

    def _fold(self, escrow_id: str) -> bool:
        """Fold what is next in line; whether the record moved or something needs a look."""
        case = before = self.get(escrow_id)
        early = self._early.get(escrow_id, {})
        for position in sorted(early):
            if case is not None and case.frozen is not None:
                # After a look, the human resumes and everything is fetched again.
                early.clear()
                break
            if position > (case.position if case else 0) + 1:
                self._behind.add(escrow_id)
                break
            text = early.pop(position)
            try:
                case = self._take(case, escrow_id, position, text)
            except (Refused, Tampered) as error:
                if case is not None and _is_early(case.record, text, error):
                    early[position] = text
                    self._awaiting_end.add(escrow_id)
                    break
                case = self._refuse(case, escrow_id, position, error)
        if not early:
            self._early.pop(escrow_id, None)
            self._behind.discard(escrow_id)
        if case is None or case is before:
            return escrow_id in self._behind
        if before is None or case.record is not before.record:
            self._journal.save_case(case.record, role=case.role, position=case.position)
        self._keep(case)
        return True

    def _take(
        self, case: StoredCase | None, escrow_id: str, position: int, text: str
    ) -> StoredCase | None:
        if case is None:
            return self._open(escrow_id, text)
        if position <= case.position:
            self._check_same(escrow_id, position, text)
            return case
        admission = admit(case.record, text)
        if admission.duplicate:
            raise MessageRepeated("The coordinator forwards one message twice. Ask its operator.")
        self._own_words(admission.message, case.role, position)
        self._journal.save_message(admission.message, position=position)
        return replace(case, record=admission.record, position=position)

    def _open(self, escrow_id: str, text: str) -> StoredCase | None:
        admission = open_record(text)
        record: Record = admission.record
        role = record.role_of(self._own)
        if record.escrow_id != escrow_id:
            raise PositionRewritten("The coordinator forwards a proposal under another id.")
        self._own_words(admission.message, role, 1)
        self._journal.save_message(admission.message, position=1)
        return StoredCase(escrow_id, role, 1, record, {}, None)

    def _refuse(
        self,
        case: StoredCase | None,
        escrow_id: str,
        position: int,
        error: Refused | Tampered,
    ) -> StoredCase | None:
        why = Freeze(error.code, error.detail)
        if isinstance(error, NotAParty):
            return case
        self._journal.alarm(escrow_id, position, why)
        self._alarmed = True
        if case is None or case.record.state in CLOSED:
            # Nothing of this agent's to protect: an escrow never begun, or one that is over.
            return case
        self._journal.save_case(case.record, role=case.role, position=case.position)
        self._journal.freeze(escrow_id, why)
        return replace(case, frozen=why)

    def _check_same(self, escrow_id: str, position: int, text: str) -> None:
        found = self._journal.rows(
            "SELECT digest FROM messages WHERE escrow_id = ? AND position = ?",
            (escrow_id, position),
        )
        if not found or found[0][0] != digest(text.encode("utf-8", "surrogatepass")):
            raise PositionRewritten(
                f"Message {position} of this escrow was another one before. The coordinator shows "
                "different things at different times: ask the other parties in person."
            )

    def _own_words(self, message: Message, role: Role, position: int) -> None:
        """Own messages come back: they are answers too. One we never wrote is an alarm."""
        if message.role is role:
            recognise(self._journal, message, position=position)

    def _keep(self, case: StoredCase) -> None:
        self._cache[case.escrow_id] = case
        self._cache.move_to_end(case.escrow_id)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)


def _is_early(record: Record, text: str, error: Refused | Tampered) -> bool:
    """A report of late money, from others whose nodes were faster in showing the payout final."""
    if not isinstance(error, MoveNotOpen) or read_envelope(text).kind is not Kind.DEPOSIT_REPORT:
        return False
    return any(is_open(record.state, one, by=Teller.CHAIN) for one in record.broadcasts.values())
