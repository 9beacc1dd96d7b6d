"""An arbiter is asked about a stuck escrow of others: read the question, vote, acknowledge a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from tripartite.agent.coordinator_client import CoordinatorBusy, CoordinatorClient
from tripartite.agent.home import OpenHome
from tripartite.agent.party import pairing_of
from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json, parse
from tripartite.protocol.vote import Choice, write_vote


class NotOnPanel(Refused):
    """This agent isn't asked about that."""

    code: ClassVar[str] = "not_on_panel"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a panel was asked, word for word; ``recommendation`` once there is one."""

    panel: int
    question: Mapping[str, Json]
    recommendation: str | None


def asked(opened: OpenHome) -> Sequence[Asked]:
    """The panels that this arbiter sits on, the newest first."""
    with _coordinator(opened) as client:
        return [_read(one) for one in client.panels()]


def vote(opened: OpenHome, panel: int, choice: Choice) -> Asked:
    """Sign a vote with the identity key and send it. Raises ``NotOnPanel``."""
    with _coordinator(opened) as client:
        found = next((one for one in map(_read, client.panels()) if one.panel == panel), None)
        if found is None or found.question.get("panel") != panel:
            raise NotOnPanel("`tripartite agent panels` lists what you were asked.")
        text = write_vote(opened.identity, found.question, choice)
        return _read(client.vote(panel, text))


def acknowledge(opened: OpenHome, number: int) -> None:
    """Tell the admin who called that the call was heard."""
    with _coordinator(opened) as client:
        client.acknowledge(number)


@contextmanager
def _coordinator(opened: OpenHome) -> Iterator[CoordinatorClient]:
    paired = pairing_of(opened)
    client = CoordinatorClient(paired.origin, paired.token, proxy=opened.journal.setting("proxy"))
    try:
        yield client
    finally:
        client.close()


def _read(value: object) -> Asked:
    match value:
        case {"panel": int(panel), "question": str(text), "recommendation": None | str() as found}:
            return Asked(panel, parse(text.encode("utf-8", "surrogatepass")), found)
        case _:
            raise CoordinatorBusy("It answered in a form that this version doesn't know.")
