"""The words of the liars' stories: who lies to whom, and what the honest agents answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from tests.functional.kit.market import Market
from tests.functional.kit.pen import Pen
from tests.liars.postman import Mail, Postman
from tripartite.agent.home import look_into
from tripartite.devnet.deals import Deal
from tripartite.domain.parties import Role
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind
from tripartite.protocol.identity import Identity


@dataclass
class Court:
    """The market, the man in the middle, and the answer that the present lie should get."""

    market: Market
    postman: Postman
    answer: str
    _heard: int = 0

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

    def refuses(self, deal: Deal, role: Role) -> None:
        """Wait until this party's agent has frozen the deal, and says why by the right code."""
        deal.until(
            lambda: frozen(deal, role) is not None,
            what=f"the {role.value}'s agent freezes: {self.answer}",
        )
        assert frozen(deal, role) == self.answer
        assert self.answer in deal.seats[role].alarms()

    def alarms(self, deal: Deal, role: Role) -> None:
        """Wait until this party's agent says why it won't do something, and goes on otherwise."""
        deal.until(
            lambda: self.answer in deal.seats[role].alarms(),
            what=f"the {role.value}'s agent says {self.answer}",
        )
        assert frozen(deal, role) is None

    def count(self, deal: Deal, role: Role) -> None:
        """Remember how often this party's agent gave the answer before."""
        self._heard = deal.seats[role].alarms().count(self.answer)

    def answers(self, deal: Deal, role: Role) -> None:
        """Wait until it gives the answer once more, whether it froze the deal or goes on."""
        deal.until(
            lambda: deal.seats[role].alarms().count(self.answer) > self._heard,
            what=f"the {role.value}'s agent says {self.answer}",
        )

    def alarms_one_of(self, deal: Deal, *roles: Role) -> None:
        """Wait until one of these agents says why; the others may have heard it from that one."""
        deal.until(
            lambda: any(self.answer in deal.seats[role].alarms() for role in roles),
            what=f"somebody says {self.answer}",
        )

    def refuses_one_of(self, deal: Deal, *roles: Role) -> None:
        """Wait until one of these agents has frozen the deal by the right code."""
        deal.until(
            lambda: self.answer in {frozen(deal, role) for role in roles},
            what=f"somebody freezes: {self.answer}",
        )

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
