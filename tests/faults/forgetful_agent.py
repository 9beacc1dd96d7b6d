"""A broken agent, to see whether the harness notices: it speaks first and writes it down afterwards.

``python -m tests.faults.forgetful_agent WHO SOCKET …`` is ``tests.faults.agent`` in which an own message
reaches the journal only with the coordinator's answer. As long as nobody dies between the two,
nothing is to be seen of it. ``make faults FAULTS=--prove`` lets somebody die there.
"""

from __future__ import annotations

from tests.faults import agent
from tripartite.agent.journal import Journal, Outgoing
from tripartite.protocol.envelope import Message


def break_it() -> None:
    """Take the order of writing and speaking out of every journal of this process."""
    save, answer, outgoing = Journal.save_outgoing, Journal.answer, Journal.outgoing
    unwritten: dict[str, dict[int, Message]] = {}

    def saving(journal: Journal, message: Message) -> None:
        with journal.commit(synced=False):
            unwritten.setdefault(message.escrow_id, {})[message.seq] = message

    def write(journal: Journal, escrow_id: str) -> None:
        # A commit lets one thread in: nobody looks a message up between the two lines.
        with journal.commit(synced=False):
            for message in unwritten.pop(escrow_id, {}).values():
                save(journal, message)

    def answering(
        journal: Journal,
        escrow_id: str,
        seq: int,
        *,
        position: int | None = None,
        refusal: str | None = None,
    ) -> None:
        write(journal, escrow_id)
        answer(journal, escrow_id, seq, position=position, refusal=refusal)

    def looking_up(journal: Journal, escrow_id: str, digest: str) -> Outgoing | None:
        # The stream may bring a message back before the answer to it: it is written by now.
        write(journal, escrow_id)
        return outgoing(journal, escrow_id, digest)

    for name, broken in (
        ("save_outgoing", saving), ("answer", answering), ("outgoing", looking_up),
    ):  # fmt: skip
        setattr(Journal, name, broken)


if __name__ == "__main__":
    break_it()
    agent.main()
