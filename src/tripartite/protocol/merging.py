"""Two copies of one record become one again, where no coordinator gives the order any more.

A ``Copy`` is what one party holds: the messages that the coordinator carried, in its order, then
those exchanged as files. The rule:

1. What the coordinator carried stands. Of two honest copies one is a prefix of the other there;
   anything else means that somebody lied (``RecordsDiffer``).
2. Then come the messages that the party first in the order buyer, vendor, arbiter holds beyond
   that, in its order, then those that only the other holds.
3. A message that doesn't fit there (``admit``) is set aside, as a coordinator would have refused
   it: its number is used up, and its author may say it again.
4. Two messages of one speaker with the same number are two tongues (``NumberUsedTwice``).

Both parties come to the same record from the same two copies, whoever merges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.envelope import read_claim
from tripartite.protocol.record import Record


class RecordsDiffer(Tampered):
    """The two parties were shown different messages by the coordinator."""

    code: ClassVar[str] = "records_differ"


class NumberUsedTwice(Tampered):
    """One party signed two different messages with one number."""

    code: ClassVar[str] = "number_used_twice"


@dataclass(frozen=True, slots=True)
class Copy:
    """One party's copy of the record; the first ``carried`` messages came by the coordinator."""

    holder: Role
    carried: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that doesn't fit any more, and the code of the reason."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The common record, and what found no place in it."""

    record: Record
    carried: int
    texts: tuple[str, ...]
    set_aside: tuple[SetAside, ...]


def merge(mine: Copy, theirs: Copy) -> Merged:
    """The common record of two copies of one escrow.

    Raises:
        RecordsDiffer: the carried parts contradict each other.
        NumberUsedTwice: a party signed two different messages with one number.
        SignatureInvalid: a message isn't signed by whom it names.
        Refused, Tampered: what ``open_record`` and ``admit`` raise for the carried part. A later
            message that doesn't fit is only set aside.
    """
    longer, shorter = sorted((mine, theirs), key=lambda copy: -copy.carried)
    carried = longer.texts[: longer.carried]
    known = shorter.texts[: shorter.carried]
    if carried[: len(known)] != known:
        at = next(n for n, (a, b) in enumerate(zip(carried, known, strict=False), 1) if a != b)
        raise RecordsDiffer(
            f"Message {at} of this escrow differs between the two of you. Compare your records in "
            "person before anything is signed.",
            position=at,
        )
    record = open_record(carried[0]).record
    _check_numbers(record, (*mine.texts, *theirs.texts))
    for text in carried[1:]:
        record = admit(record, text).record
    texts, seen, aside = list(carried), set(carried), list[SetAside]()
    order = list(Role)
    for copy in sorted((mine, theirs), key=lambda one: order.index(one.holder)):
        for text in copy.texts[copy.carried :]:
            if text in seen:
                continue
            seen.add(text)
            try:
                record = admit(record, text).record
            except (Refused, Tampered) as error:
                aside.append(SetAside(text, error.code))
            else:
                texts.append(text)
    return Merged(record, len(carried), tuple(texts), tuple(aside))


def _check_numbers(record: Record, texts: Sequence[str]) -> None:
    """Signatures first: nobody is accused by words that are not theirs."""
    said: dict[tuple[Role, int], str] = {}
    for text in dict.fromkeys(texts):
        claim = read_claim(text)
        message = claim.prove(record.parties[claim.message.role])
        if said.setdefault((message.role, message.seq), message.digest) != message.digest:
            raise NumberUsedTwice(
                f"The {message.role.value} signed two different messages with number "
                f"{message.seq}. Stop, and ask the {message.role.value} in person.",
                role=message.role.value,
                seq=message.seq,
            )
