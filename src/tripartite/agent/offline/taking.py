"""An escrow taken over from the coordinator: what is held, and what another party hands over.

From the first step on, the escrow is frozen for the running agent (``BY_FILES``): a coordinator
that comes back finds it gone on elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.agent.journal import Freeze, Journal, StoredCase
from tripartite.agent.offline.bundles import (
    Bundle,
    BundleOfAnotherEscrow,
    BundleOld,
    BundleOwn,
)
from tripartite.agent.own_words import has_gaps, recognise
from tripartite.domain.errors import Refused
from tripartite.protocol.envelope import read_envelope
from tripartite.protocol.merging import Copy, SetAside, merge

BY_FILES: Final = "by_files"
"""The code of the freeze that keeps the running agent away."""

_CARRIED: Final = "carried/"
_HEARD: Final = "heard/"


class EscrowFrozen(Refused):
    """This agent has stopped working on the escrow, for a reason that a person must look at."""

    code: ClassVar[str] = "escrow_frozen"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file brought: the number of new messages, and those that don't fit any more."""

    news: int
    set_aside: tuple[SetAside, ...]


def take_over(
    journal: Journal, case: StoredCase, *, despite: str | None = None, carried: int | None = None
) -> None:
    """From now on this escrow goes by files. Doing it again changes nothing.

    ``despite`` names the code of a freeze that a person has looked at; ``carried`` is how many
    messages the coordinator carried, if not all. Raises ``EscrowFrozen``.
    """
    frozen = case.frozen
    if frozen is not None and frozen.code == BY_FILES:
        return
    if frozen is not None and frozen.code != despite:
        raise EscrowFrozen(
            f"It stopped because of {frozen.code}: {frozen.detail} If you know why, say so with "
            f"--despite {frozen.code}.",
            frozen=frozen.code,
        )
    with journal.commit():
        journal.set_setting(_CARRIED + case.escrow_id, str(carried or case.position))
        journal.freeze(
            case.escrow_id, Freeze(BY_FILES, "It goes on by files: `tripartite settle`.")
        )


def own_copy(journal: Journal, case: StoredCase) -> Copy:
    """What this party holds of an escrow that was taken over."""
    texts = tuple(journal.texts(case.escrow_id))
    carried = journal.setting(_CARRIED + case.escrow_id)
    return Copy(case.role, len(texts) if carried is None else int(carried), texts)


def must_listen_first(journal: Journal, escrow_id: str) -> bool:
    """Whether nothing may be said yet: a restored home may have forgotten own words."""
    return has_gaps(journal, escrow_id) and journal.setting(_HEARD + escrow_id) is None


def take_in(journal: Journal, case: StoredCase, bundle: Bundle) -> Taken:
    """Join what another party holds to the own copy, judged like anything a coordinator forwards.

    Raises ``BundleOfAnotherEscrow``, ``BundleOwn``, ``BundleOld``, ``OwnWordsForged``, and what
    ``merge`` raises. Nothing is stored then.
    """
    if bundle.escrow_id != case.escrow_id:
        raise BundleOfAnotherEscrow(f"It is of {bundle.escrow_id}. Ask for the right file.")
    if bundle.copy.holder is case.role:
        raise BundleOwn("Give the file that another party sent you.")
    mine = own_copy(journal, case)
    merged = merge(mine, bundle.copy)
    news = [text for text in merged.texts if text not in set(mine.texts)]
    listening = must_listen_first(journal, case.escrow_id)
    if merged.texts == mine.texts and not listening:
        raise BundleOld("You have all of it already. Send your own file instead.")
    with journal.commit():
        journal.forget_messages(case.escrow_id)
        for position, text in enumerate(merged.texts, start=1):
            message = read_envelope(text)
            if message.role is case.role:
                recognise(journal, message, position=position)
            journal.save_message(message, position=position)
        for aside in merged.set_aside:
            said = journal.outgoing(case.escrow_id, read_envelope(aside.text).digest)
            if said is not None:
                journal.answer(case.escrow_id, said.seq, refusal=aside.code)
        journal.save_case(merged.record, role=case.role, position=len(merged.texts))
        journal.set_setting(_CARRIED + case.escrow_id, str(merged.carried))
        journal.set_setting(_HEARD + case.escrow_id, bundle.copy.holder.value)
    return Taken(len(news), merged.set_aside)
