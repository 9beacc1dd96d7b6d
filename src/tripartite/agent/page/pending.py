"""What was shown and waits for a yes: exactly that is stored, whatever has changed since."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.agent.consent import Consent, PartyRow
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role

_MOST: Final = 32


class QuestionGone(Refused):
    """That question was answered already, or is too old."""

    code: ClassVar[str] = "question_gone"


class NotCompared(Refused):
    """A party is unknown to this agent, and its fingerprint wasn't compared."""

    code: ClassVar[str] = "not_compared"


@dataclass(frozen=True, slots=True)
class Question:
    """A decision prepared. ``store`` takes the roles whose fingerprint was compared.

    ``leads_to`` is the path of the page that shows what becomes of it.
    """

    title: str
    consent: Consent
    rows: tuple[PartyRow, ...]
    store: Callable[[frozenset[Role]], None]
    leads_to: str
    back: str
    asks_about_strangers: bool = False

    @property
    def strangers(self) -> tuple[PartyRow, ...]:
        """Whose fingerprint has to be compared first."""
        if not self.asks_about_strangers:
            return ()  # who they are was settled when the terms were accepted
        return tuple(row for row in self.rows if row.known is None and not row.is_own)


class Questions:
    """The latest questions, by a secret that only the page which asks knows."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Question] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, question: Question) -> str:
        """The secret of a new question."""
        secret = secrets.token_urlsafe(24)
        with self._lock:
            self._open[secret] = question
            if len(self._open) > _MOST:
                self._open.popitem(last=False)
        return secret

    def answer(self, secret: str, compared: frozenset[Role]) -> Question:
        """Carry out what was asked, once. Raises ``QuestionGone`` and ``NotCompared``."""
        with self._lock:
            question = self._open.get(secret)
            if question is None:
                raise QuestionGone("Go back to the escrow, and decide anew.")
            if any(row.role not in compared for row in question.strangers):
                raise NotCompared(
                    "Ask each of them for their fingerprint by another channel. If it differs, "
                    "don't agree to anything."
                )
            del self._open[secret]
        question.store(compared)
        return question
