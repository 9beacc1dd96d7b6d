"""Escrows that take over the money of others, as far as messages go."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.kit import AMOUNT, Deal, Market, Person
from tripartite.domain.parties import Network, Role
from tripartite.domain.succession import RESERVE
from tripartite.domain.terms import Predecessor
from tripartite.protocol.agreement import Agreement

THERE = AMOUNT - RESERVE[Network.REGTEST]
"""What is sure to arrive in a successor."""


def proposed_successor(market: Market, old: Deal, erin: Person) -> Deal:
    """The same with another arbiter, proposed by the buyer."""
    assert old.record is not None
    assert old.record.contract_id is not None
    new = Deal({**old.identities, Role.ARBITER: erin.identity}, amount=THERE)
    new.addresses |= {role: old.addresses[role] for role in (Role.BUYER, Role.VENDOR)}
    terms = replace(
        new.agreement.terms, succeeds=Predecessor(old.escrow_id, old.record.contract_id)
    )
    new.agreement = Agreement(terms, new.agreement.parties)
    said = market.people[Role.BUYER].api.post("/api/escrow", {"envelope": new.propose()})
    assert said.status == 201
    return new


def ready_successor(market: Market, old: Deal, erin: Person) -> Deal:
    """An escrow with the other arbiter whose address all three have attested."""
    new = proposed_successor(market, old, erin)
    people = {**market.people, Role.ARBITER: erin}
    for role, kind, options in new.until_attested():
        text = new.write(role, kind, **options())
        path = f"/api/escrow/{new.escrow_id}/messages"
        assert people[role].api.post(path, {"envelope": text}).status == 201
        new.fold(text)
    return new
