"""The escrows that stories lie about: each serves one story after another, as long as it can.

An escrow survives a lie that was refused. That is a promise of its own, which every later story on
the same escrow puts to the test; and so it costs no new key exchange for each lie.
"""

from __future__ import annotations

from typing import Final

from tests.functional.kit.market import Market
from tests.liars.court import frozen
from tripartite.agent.home import Home
from tripartite.devnet.deals import Deal
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role

_COURSE: Final = (State.CREATED, State.AWAITING_DEPOSIT, State.FUNDED)
"""Where stories begin: proposed to all, with an address and no money, with all the money."""

_TRADERS: Final = (Role.BUYER, Role.VENDOR)


class Docket:
    """Deals that wait for a story."""

    def __init__(self, market: Market) -> None:
        """There are none yet."""
        self._market = market
        self._deals: list[Deal] = []

    def at(self, stage: State) -> Deal:
        """One that stands right there: brought so far, or made, if there is none."""
        self.wake()
        found = max(
            (one for one in reversed(self._deals) if _serves(one, stage)),
            key=lambda one: _COURSE.index(one.state),
            default=None,
        )
        deal = found or self._proposed()
        if stage is not State.CREATED and deal.state is State.CREATED:
            deal.accept()
            deal.until(deal.is_keyed)
        if stage is State.FUNDED and not deal.is_funded():
            deal.fund()
        if stage is State.FUNDED:
            # Then nobody has anything to say, unless a story makes them.
            deal.until(lambda: all(deal.reported(one) == deal.amount for one in _TRADERS))
        return deal

    def wake(self) -> None:
        """All agents work: start whose was stopped, unless somebody evil sits in that home."""
        self._market.attend()
        for party in self._market.parties.values():
            if party.pid is None and not Home(party.home).is_running():
                party.start()

    def _proposed(self) -> Deal:
        deal = self._market.proposed_deal()
        deal.until(deal.is_proposed_to_all)
        self._deals.append(deal)
        return deal


def _serves(deal: Deal, stage: State) -> bool:
    """It is on its way there, and no agent has stopped."""
    state = deal.state
    on_its_way = state in _COURSE and _COURSE.index(state) <= _COURSE.index(stage)
    return on_its_way and not any(frozen(deal, role) for role in Role)
