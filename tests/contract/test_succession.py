"""Stories about escrows that take over the money of others, and about arbiters who are away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from tests.contract.kit import AMOUNT, Answer, Deal, Market, Person, open_account, report
from tests.contract.scraping import scrape_here
from tests.contract.test_limits import limited
from tests.contract.test_page_access import browser
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.escrows.models import Escrow, Succession
from tripartite.coordinator.escrows.succeeding import has_relatives, origin_of
from tripartite.coordinator.limits import gate
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.domain.lifecycle import State
from tripartite.domain.limits import BETA, Limits
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.terms import Predecessor
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.bodies import write_move
from tripartite.protocol.envelope import Kind
from tripartite.protocol.record import Successor

LESS = AMOUNT - 1_000_000_000


@pytest.fixture
def erin(market: Market) -> Person:
    """Somebody else who arbitrates."""
    return open_account("erin")


@pytest.fixture
def old(market: Market) -> Deal:
    """A funded escrow."""
    deal = market.attested_deal()
    for role in (Role.BUYER, Role.VENDOR):
        market.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
    return deal


def successor(old: Deal, arbiter: Person, **changes: Any) -> Deal:  # noqa: ANN401 — fields of Terms
    """A deal that takes over the money of another."""
    deal = Deal({**old.identities, Role.ARBITER: arbiter.identity}, amount=LESS)
    assert old.record is not None
    assert old.record.contract_id is not None
    named = Predecessor(old.escrow_id, old.record.contract_id)
    terms = replace(deal.agreement.terms, **{"succeeds": named, **changes})
    deal.agreement = Agreement(terms, deal.agreement.parties)
    return deal


def propose(market: Market, deal: Deal) -> Answer:
    return market.people[Role.BUYER].api.post("/api/escrow", {"envelope": deal.propose()})


def stand_at(deal: Deal, state: State) -> None:
    """As if everything had happened that leads there."""
    Escrow.objects.filter(pk=deal.escrow_id).update(state=state.value)


def offer_move(market: Market, old: Deal, new: Deal) -> str:
    """The buyer signs the move; the offer's digest."""
    assert old.record is not None
    assert old.record.address is not None
    offer = write_move(Successor(new.escrow_id, "cd" * 32, old.record.address))
    market.say(old, Role.BUYER, Kind.SETTLEMENT_OFFER, body=offer)
    return old.record.offers[Role.BUYER].digest


def agree_to_move(market: Market, old: Deal, new: Deal) -> None:
    said = offer_move(market, old, new)
    market.say(old, Role.VENDOR, Kind.SETTLEMENT_ACCEPT, body={"offer": said})


def code(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.body.get("code")


def test_a_full_house_keeps_nobody_from_replacing_an_arbiter(
    market: Market, old: Deal, erin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(settings.COORDINATOR, limits=Limits(1, AMOUNT, 1))
    monkeypatch.setattr(settings, "COORDINATOR", full)

    let_in = propose(market, successor(old, erin))
    ordinary = propose(market, market.deal(amount=1))

    assert let_in.status == 201
    assert code(ordinary) == (422, "volume_limit_reached")
    assert gate.used(BETA).volume == AMOUNT, "the money is counted where it came in"
    assert gate.used(BETA).concurrent == 1, "the two are one trade"


def test_the_places_left_are_one_number_everywhere_while_the_money_moves(
    market: Market, old: Deal, erin: Person, tmp_path: Path
) -> None:
    with limited(at_once=20, volume=50 * ATOMIC):
        before = scrape_here(tmp_path).value("concurrent_escrows_left")
        propose(market, successor(old, erin))

        told = market.people[Role.BUYER].api.get("/api/limits").body
        assert before == 19
        assert told["concurrent_escrows_left"] == 19
        assert scrape_here(tmp_path).value("concurrent_escrows_left") == 19


def test_an_escrow_that_takes_over_no_money_counts_as_any_other(
    market: Market, old: Deal, erin: Person
) -> None:
    """Its own money came in, though it was let in as a successor, and nobody signed a move."""
    new = successor(old, erin)
    propose(market, new)
    assert (gate.used(BETA).concurrent, gate.used(BETA).volume) == (1, AMOUNT)

    stand_at(new, State.FUNDED)
    assert (gate.used(BETA).concurrent, gate.used(BETA).volume) == (2, AMOUNT + LESS)

    agree_to_move(market, old, new)
    assert (gate.used(BETA).concurrent, gate.used(BETA).volume) == (1, AMOUNT)
    stand_at(old, State.SETTLED)
    assert (gate.used(BETA).concurrent, gate.used(BETA).volume) == (1, AMOUNT)


def test_a_successor_whose_money_went_elsewhere_counts_as_any_other(
    market: Market, old: Deal, erin: Person
) -> None:
    new = successor(old, erin)
    propose(market, new)

    stand_at(old, State.COMPLETED)

    assert (gate.used(BETA).concurrent, gate.used(BETA).volume) == (1, AMOUNT + LESS)


def test_one_trader_alone_makes_no_move_count(market: Market, old: Deal, erin: Person) -> None:
    """Nor do both, once they have agreed on a split instead."""
    new = successor(old, erin)
    propose(market, new)
    stand_at(new, State.FUNDED)

    said = offer_move(market, old, new)
    assert gate.used(BETA).concurrent == 2
    market.say(old, Role.VENDOR, Kind.SETTLEMENT_ACCEPT, body={"offer": said})
    assert gate.used(BETA).concurrent == 1
    half = {"vendor_share": str(AMOUNT // 2)}
    market.say(old, Role.BUYER, Kind.SETTLEMENT_OFFER, body=half)
    assert gate.used(BETA).concurrent == 1, "nothing is agreed yet"
    assert old.record is not None
    split = old.record.offers[Role.BUYER].digest
    market.say(old, Role.VENDOR, Kind.SETTLEMENT_ACCEPT, body={"offer": split})
    assert gate.used(BETA).concurrent == 2


def test_moves_agreed_on_before_an_upgrade_count_once_after_it(
    market: Market, old: Deal, erin: Person
) -> None:
    new = successor(old, erin)
    propose(market, new)
    stand_at(new, State.FUNDED)
    agree_to_move(market, old, new)
    other = successor(waiting := market.attested_deal(), erin)
    for role in (Role.BUYER, Role.VENDOR):
        market.say(waiting, role, Kind.DEPOSIT_REPORT, body=report(waiting.amount))
    propose(market, other)
    call_command("migrate", "escrows", "0005", verbosity=0)

    call_command("migrate", verbosity=0)

    agreed = Succession.objects.filter(agreed=True).values_list("successor_id", flat=True)
    assert list(agreed) == [new.escrow_id]


def test_a_successor_is_let_in_only_for_what_it_names(
    market: Market, old: Deal, erin: Person
) -> None:
    stranger, other = open_account("stranger"), market.attested_deal()
    assert other.record is not None
    assert other.record.contract_id is not None
    elsewhere = Predecessor(other.escrow_id, other.record.contract_id)
    foreign = successor(old, erin)
    foreign.agreement = Agreement(
        foreign.agreement.terms,
        {**foreign.agreement.parties, Role.VENDOR: stranger.identity.public},
    )
    foreign.identities = {**foreign.identities, Role.VENDOR: stranger.identity}

    assert code(propose(market, successor(old, erin, amount=AMOUNT + 1))) == (
        422,
        "successor_differs",
    )
    assert code(propose(market, successor(old, market.people[Role.ARBITER]))) == (
        422,
        "successor_differs",
    )
    assert code(propose(market, foreign)) == (422, "successor_differs")
    assert code(propose(market, successor(other, erin))) == (422, "nothing_to_move")
    assert code(propose(market, successor(old, erin, succeeds=elsewhere))) == (
        422,
        "nothing_to_move",
    )
    gone = Predecessor("77" * 16, "ab" * 32)
    assert code(propose(market, successor(old, erin, succeeds=gone))) == (404, "escrow_unknown")


def test_an_escrow_has_one_successor_at_a_time(market: Market, old: Deal, erin: Person) -> None:
    first = successor(old, erin)
    text = first.propose()
    api = market.people[Role.BUYER].api
    assert api.post("/api/escrow", {"envelope": text}).status == 201
    assert api.post("/api/escrow", {"envelope": text}).status == 200, "said again"
    assert code(propose(market, successor(old, erin))) == (409, "successor_exists")

    market.say(first, Role.BUYER, Kind.CANCEL, body={"reason": "changed_mind"})

    assert propose(market, successor(old, erin)).status == 201


def test_pages_and_summaries_link_both_ways(market: Market, old: Deal, erin: Person) -> None:
    new = successor(old, erin)
    propose(market, new)
    buyer = market.people[Role.BUYER]
    client = browser(Account.objects.get(name="buyer"))

    def page(deal: Deal) -> str:
        return client.get(f"/escrows/{deal.escrow_id}").text

    assert f"/escrows/{new.escrow_id}" in page(old)
    assert f"/escrows/{old.escrow_id}" in page(new)
    assert buyer.api.get(f"/api/escrow/{new.escrow_id}").body["succeeds"] == old.escrow_id
    assert old.record is not None
    address = old.record.address
    assert address is not None
    offer = write_move(Successor(new.escrow_id, "cd" * 32, address))
    market.say(old, Role.BUYER, Kind.SETTLEMENT_OFFER, body=offer)
    shown = buyer.api.get(f"/api/escrow/{old.escrow_id}").body
    assert shown["offers"] == [{"by": "buyer", "vendor_share": None, "moves_to": new.escrow_id}]
    assert shown["waiting_on"] == [{"role": "vendor", "what": "move"}]
    assert "has signed that the money is moved" in page(old)

    assert old.record is not None
    said = old.record.offers[Role.BUYER].digest
    market.say(old, Role.VENDOR, Kind.SETTLEMENT_ACCEPT, body={"offer": said})

    assert buyer.api.get(f"/api/escrow/{old.escrow_id}").body["moves_to"] == new.escrow_id
    assert "have signed that the money goes to" in page(old)


def test_an_arbiter_whose_agent_is_offline_is_given_no_new_escrow(market: Market) -> None:
    """Also one whom the parties chose; one that was never heard of isn't offline."""
    assert propose(market, market.deal()).status == 201
    arbiter = market.people[Role.ARBITER]
    arbiter.api.post("/api/agent/heartbeat", {})
    before = market.deal()
    text = before.propose()
    api = market.people[Role.BUYER].api
    assert api.post("/api/escrow", {"envelope": text}).status == 201
    AgentPresence.objects.filter(pk=arbiter.account_id).update(online=False)

    assert code(propose(market, market.deal())) == (422, "arbiter_offline")
    assert api.post("/api/escrow", {"envelope": text}).status == 200, "what was let in stays in"
    Account.objects.filter(pk=arbiter.account_id).update(is_arbiter=True)
    (listed,) = api.get("/api/arbiters").body["arbiters"]
    assert listed["online"] is False
    assert listed["away_since"] is not None

    arbiter.api.post("/api/agent/heartbeat", {})
    assert propose(market, market.deal()).status == 201


def test_a_traders_agent_finds_the_first_of_the_escrows_that_follow_each_other(
    market: Market, old: Deal, erin: Person
) -> None:
    """There its home is: it moves money only to an address that a wallet of its own shows."""
    new = successor(old, erin)
    propose(market, new)
    other = market.proposed_deal()

    assert [origin_of(one.escrow_id) for one in (old, new, other)] == [
        old.escrow_id,
        old.escrow_id,
        other.escrow_id,
    ]
    assert [has_relatives(one.escrow_id) for one in (old, new, other)] == [True, True, False]
