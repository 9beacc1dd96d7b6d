"""The words of the liars' stories: who lies to whom, and what the honest agents answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from tests.functional.kit.market import Market
from tests.functional.kit.pen import Pen
from tests.liars.postman import Mail, Postman
from tripartite.agent.home import look_into
from tripartite.agent.journal import Alarm
from tripartite.devnet.deals import Deal
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message, write_envelope
from tripartite.protocol.identity import Identity

_ALL: Final = 100_000
"""More alarms than all stories together raise."""


@dataclass
class Court:
    """The market, the man in the middle, and the answer that the present lie should get."""

    market: Market
    postman: Postman
    answer: str
    _heard: dict[Role, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Escrows serve several stories: what was answered before is no answer now."""
        self.listen()

    def forged(
        self, deal: Deal, role: Role, kind: Kind, body: Mapping[str, Json], **changes: object
    ) -> str:
        """Words that ``role`` never said, in the right place, signed by whoever is between."""
        pen = Pen(deal, role, Identity.generate())
        return pen.write(kind, body, **changes)

    def said(self, deal: Deal) -> list[str]:
        """Everything truly said in a deal, in order."""
        with deal.buyer.party.api() as api:
            return api.messages(deal.escrow_id)

    def push_next(self, deal: Deal, to: Role, text: str) -> None:
        """Show an agent this as the next message of the deal."""
        self.postman.push(to, Mail(deal.escrow_id, self.position(deal, to) + 1, text))

    def position(self, deal: Deal, role: Role) -> int:
        """How many messages this party's agent has on record, once it has heard them all."""
        deal.until(
            lambda: len(self.said(deal)) == _position(deal, role),
            what=f"the {role.value} has heard everything",
        )
        return _position(deal, role)

    def refuses(self, deal: Deal, *roles: Role) -> None:
        """Wait until one of these parties' agents has frozen the deal, and says why."""
        deal.until(
            lambda: any(frozen(deal, role) is not None for role in roles),
            what=f"an agent freezes: {self.answer}",
        )
        assert self.answer in {frozen(deal, role) for role in roles}
        assert any(self.answer in self.fresh_alarms(deal, role) for role in roles)

    def alarms(self, deal: Deal, *roles: Role) -> None:
        """Wait until one of these agents says why it won't do something, and goes on otherwise."""
        deal.until(
            lambda: any(self.answer in self.fresh_alarms(deal, role) for role in roles),
            what=f"an agent says {self.answer}",
        )
        assert not any(frozen(deal, role) for role in roles)

    def judges(self, deal: Deal, role: Role) -> None:
        """Wait until this party's agent has judged a payout: it gives the answer, and no signature."""
        deal.until(
            lambda: deal.is_broadcast() or self.answer in self.fresh_alarms(deal, role),
            what=f"the {role.value}'s agent says {self.answer}",
        )
        assert not deal.is_broadcast(), "it was signed"

    def listen(self) -> None:
        """Only what the agents say from now on is an answer."""
        self._heard = {role: len(_alarms(self.market, role)) for role in Role}

    def fresh_alarms(self, deal: Deal, role: Role) -> list[str]:
        """What this party's agent has refused to believe since the court listens."""
        said = _alarms(self.market, role)
        # The newest come first.
        fresh = said[: len(said) - self._heard[role]]
        return [one.code for one in fresh if one.escrow_id == deal.escrow_id]

    def resume(self, deal: Deal, role: Role) -> None:
        """This party has looked, and goes on."""
        deal.seats[role].party.run("resume", deal.escrow_id, "--yes")
        deal.until(lambda: frozen(deal, role) is None, what=f"the {role.value} goes on")
        self.position(deal, role)


def frozen(deal: Deal, role: Role) -> str | None:
    """Why this party's agent does nothing more for the deal; None while it works."""
    shown = deal.seats[role].party.escrow(deal.escrow_id)
    why = None if shown is None else cast("Mapping[str, str] | None", shown["frozen"])
    return None if why is None else why["code"]


def _position(deal: Deal, role: Role) -> int:
    journal = look_into(deal.seats[role].party.home)
    try:
        case = journal.case(deal.escrow_id)
        return 0 if case is None else case.position
    finally:
        journal.close()


def _alarms(market: Market, role: Role) -> list[Alarm]:
    journal = look_into(market.community[role].home)
    try:
        return journal.alarms(limit=_ALL)
    finally:
        journal.close()


def shown_state(deal: Deal, role: Role) -> State:
    """Where this party's own agent says that the deal stands."""
    return State(str(deal.seats[role].status()["state"]))


def changed(item: Mail, message: Message, **body: Json) -> Mail:
    """The same message with another content, signed by somebody else."""
    if message.kind is Kind.PROPOSE:
        terms = message.body["terms"]
        assert isinstance(terms, dict)
        body = {"terms": {**terms, **body}}
    text = write_envelope(
        Identity.generate(),
        escrow_id=message.escrow_id,
        contract_id=message.contract_id,
        role=message.role,
        kind=message.kind,
        seq=message.seq,
        prev=message.prev,
        body={**message.body, **body},
        attempt=message.attempt,
        round_=message.round,
    )
    return Mail(item.escrow_id, item.position, text)
