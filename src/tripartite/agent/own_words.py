"""Own messages that come back: known ones are answers, unknown ones an alarm.

A restored home doesn't know what was said between the backup and the loss. Until it speaks again in
an escrow, it takes messages signed with its own key for its own; from then on it knows them all.
"""

from __future__ import annotations

from typing import ClassVar, Final

from tripartite.agent.journal import Freeze, Journal
from tripartite.domain.errors import Tampered
from tripartite.protocol.envelope import Message

RESTORED_AT: Final = "restored_at"
"""The setting of a restored home: when that was."""


class OwnWordsForged(Tampered):
    """A message appears in this agent's name that it never wrote."""

    code: ClassVar[str] = "own_words_forged"


def recognise(journal: Journal, message: Message, *, position: int) -> None:
    """Note that an own message is on record.

    Raises ``OwnWordsForged``.
    """
    said = journal.outgoing(message.escrow_id, message.digest)
    if said is None:
        if not has_gaps(journal, message.escrow_id) or _is_taken(journal, message):
            raise OwnWordsForged(
                "Somebody else signs with this agent's identity key, or this home is an old copy. "
                "Stop the agent and look for the other one."
            )
        journal.adopt(message)
        why = Freeze("own_words_adopted", f"This home had forgotten a {message.kind.value}.")
        journal.alarm(message.escrow_id, position, why)
    if said is None or said.position is None:
        journal.answer(message.escrow_id, message.seq, position=position)


def has_gaps(journal: Journal, escrow_id: str) -> bool:
    """Whether this home was restored and hasn't spoken in the escrow since."""
    return journal.setting(RESTORED_AT) is not None and not journal.rows(
        "SELECT 1 FROM outbox WHERE escrow_id = ? AND written_at != '' LIMIT 1", (escrow_id,)
    )


def _is_taken(journal: Journal, message: Message) -> bool:
    """Whether another message has this number."""
    return bool(
        journal.rows(
            "SELECT 1 FROM outbox WHERE escrow_id = ? AND seq = ?",
            (message.escrow_id, message.seq),
        )
    )
