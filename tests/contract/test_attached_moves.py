"""Another arbiter by a click: proposed and moved to by those whose agent the operator runs."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.contract.kit import AMOUNT, Deal, Market, Person, open_account
from tests.contract.successors import THERE, proposed_successor, ready_successor
from tests.contract.test_attached_decisions import (
    agent_of,
    at,
    code,
    decide,
    funded,
    hall,
    hear,
    lease,
    page_of,
    take,
    typed,
)
from tripartite.agent.decisions import Decision, Decisions
from tripartite.agent.home import OpenHome
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.records import WalletRef
from tripartite.attach.clicks import answer_clicks
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.limits.maintenance import switch
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.wallets.credentials import decision_spot
from tripartite.coordinator.wallets.deciding import read_content
from tripartite.coordinator.wallets.models import AttachedDecision
from tripartite.coordinator.work.queue import Lease
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.bodies import write_move
from tripartite.protocol.envelope import Kind
from tripartite.protocol.record import Successor

__all__ = ["hall", "lease"]  # fixtures


@pytest.fixture
def erin(hall: Market) -> Person:
    """Somebody else who arbitrates."""
    return open_account("erin")


def where(new: Deal) -> Successor:
    assert new.record is not None
    assert new.record.address is not None
    assert new.record.contract_id is not None
    return Successor(new.escrow_id, new.record.contract_id, new.record.address)


def named(new: Deal) -> dict[str, str]:
    return {"successor": new.escrow_id, "successor_address": where(new).address}


# The API


def test_another_arbiter_is_proposed_by_a_click_only_if_it_can_be(
    hall: Market, erin: Person
) -> None:
    deal, empty = funded(hall), hall.attested_deal()
    erins: dict[str, Any] = {"decision": "replace", "arbiter": "erin", "arbiter_bps": 250}

    assert code(decide(hall, empty, Role.BUYER, **erins)) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.ARBITER, **erins)) == (409, "move_not_open")
    assert code(decide(hall, deal, Role.BUYER, decision="replace")) == (422, "words_missing")
    nobody: dict[str, Any] = {**erins, "arbiter": "nobody"}
    assert code(decide(hall, deal, Role.BUYER, **nobody)) == (422, "party_unknown")
    same = {**erins, "arbiter": "arbiter"}
    assert code(decide(hall, deal, Role.BUYER, **same)) == (422, "successor_differs")
    more = {**erins, "amount": str(AMOUNT)}
    assert code(decide(hall, deal, Role.BUYER, **more)) == (409, "offer_changed")
    erin.api.post("/api/agent/heartbeat", {})
    AgentPresence.objects.filter(pk=erin.account_id).update(online=False)
    assert code(decide(hall, deal, Role.BUYER, **erins)) == (422, "arbiter_offline")
    AgentPresence.objects.all().delete()
    switch(on=True, reason="A new release", by="")
    assert code(decide(hall, deal, Role.BUYER, **erins)) == (503, "under_maintenance")
    switch(on=False, reason="", by="")
    assert not AttachedDecision.objects.exists()

    assert decide(hall, deal, Role.BUYER, **erins, amount=str(THERE)).status == 202


def test_a_move_is_signed_for_the_escrow_and_address_on_record_alone(
    hall: Market, erin: Person
) -> None:
    old = funded(hall)
    assert code(decide(hall, old, Role.BUYER, decision="move")) == (409, "move_not_open")
    new = ready_successor(hall, old, erin)
    other = {**named(new), "successor_address": str(old.record and old.record.address)}

    assert code(decide(hall, old, Role.BUYER, decision="move")) == (409, "offer_changed")
    assert code(decide(hall, old, Role.BUYER, decision="move", **other)) == (409, "offer_changed")
    assert code(decide(hall, old, Role.ARBITER, decision="move", **named(new))) == (
        409,
        "move_not_open",
    )
    assert code(decide(hall, new, Role.BUYER, decision="move", **named(new))) == (
        409,
        "move_not_open",
    ), "it is decided where the money is"
    erins: dict[str, Any] = {"decision": "replace", "arbiter": "erin", "arbiter_bps": 250}
    assert code(decide(hall, old, Role.BUYER, **erins)) == (409, "move_not_open"), "one at a time"
    assert decide(hall, old, Role.BUYER, decision="move", **named(new)).status == 202
    assert decide(hall, old, Role.VENDOR, decision="move", **named(new)).status == 202


def test_a_move_that_the_other_offers_to_a_foreign_address_is_not_to_be_clicked(
    hall: Market, erin: Person
) -> None:
    old = funded(hall)
    new = ready_successor(hall, old, erin)
    assert old.record is not None
    assert old.record.address is not None
    elsewhere = Successor(new.escrow_id, where(new).contract_id, old.record.address)
    hall.say(old, Role.VENDOR, Kind.SETTLEMENT_OFFER, body=write_move(elsewhere))

    for words in (named(new), {**named(new), "successor_address": elsewhere.address}):
        assert code(decide(hall, old, Role.BUYER, decision="move", **words)) == (
            409,
            "move_not_open",
        )
    assert at(old, "move") not in page_of(hall, Role.BUYER).get(f"/escrows/{old.escrow_id}").text


# What the attach process does with it


def home_with_both(hall: Market, old: Deal, new: Deal, role: Role, directory: Path) -> OpenHome:
    """A journal that has heard everything of both escrows, as the one of a trader has."""
    opened = agent_of(hall, old, role, directory)
    hear(opened, new)
    opened.journal.save_names(new.escrow_id, {one: f"x-{one.value}" for one in Role})
    return opened


def own_address(opened: OpenHome, new: Deal, address: str) -> None:
    """The address that the own wallet of the successor showed."""
    book = WalletBook(opened.journal, run_id="")
    book.note(WalletRef("new", Secret("x")))
    book.made("new")
    assert book.assign("new", new.escrow_id, 1)
    book.note_address("new", address)


def test_a_clicked_proposal_is_the_agents_own_with_the_terms_that_were_shown(
    hall: Market, erin: Person, lease: Lease, tmp_path: Path
) -> None:
    old = funded(hall)
    erins: dict[str, Any] = {
        "decision": "replace",
        "arbiter": "erin",
        "arbiter_bps": 250,
        "amount": str(THERE),
    }
    assert decide(hall, old, Role.VENDOR, **erins).status == 202
    opened = agent_of(hall, old, Role.VENDOR, tmp_path)

    assert take(opened, hall, old, Role.VENDOR, lease)

    (new_id,) = Decisions(opened.journal).escrows_with_intents()
    (intent,) = Decisions(opened.journal).intents(new_id, Decision.PROPOSE)
    proposed = Agreement.from_json(intent.content["terms"])
    assert new_id != old.escrow_id
    assert proposed.terms.amount == THERE
    assert proposed.terms.fees.arbiter_bps == 250
    assert proposed.terms.proposer is Role.VENDOR
    assert proposed.parties[Role.ARBITER] == erin.identity.public
    assert proposed.terms.succeeds is not None
    assert proposed.terms.succeeds.escrow_id == old.escrow_id
    Decisions(opened.journal).settle(intent.id)
    answer_clicks(opened, old.escrow_id, Role.VENDOR, lease)
    assert AttachedDecision.objects.get().outcome == "done"


@pytest.mark.parametrize("offered", [False, True], ids=["first to sign", "second to sign"])
def test_a_click_signs_the_move_only_to_the_address_of_the_own_wallet(
    hall: Market, erin: Person, lease: Lease, tmp_path: Path, *, offered: bool
) -> None:
    old = funded(hall)
    new = ready_successor(hall, old, erin)
    if offered:
        hall.say(old, Role.BUYER, Kind.SETTLEMENT_OFFER, body=write_move(where(new)))
    opened = home_with_both(hall, old, new, Role.VENDOR, tmp_path)
    assert old.record is not None
    own_address(opened, new, str(old.record.address))
    decide(hall, old, Role.VENDOR, decision="move", **named(new))

    take(opened, hall, old, Role.VENDOR, lease)

    assert AttachedDecision.objects.get().outcome == "move_elsewhere"
    assert Decisions(opened.journal).escrows_with_intents() == []
    WalletBook(opened.journal, run_id="").note_address("new", where(new).address)
    decide(hall, old, Role.VENDOR, decision="move", **named(new))

    take(opened, hall, old, Role.VENDOR, lease)

    kind = Decision.AGREE if offered else Decision.SETTLE
    (intent,) = Decisions(opened.journal).intents(old.escrow_id, kind)
    if not offered:
        assert intent.content["successor"] == write_move(where(new))["successor"]


def test_what_was_clicked_for_one_address_signs_for_no_other(
    hall: Market, erin: Person, lease: Lease, tmp_path: Path
) -> None:
    """As if the coordinator had shown its reader another address than that on record."""
    old = funded(hall)
    new = ready_successor(hall, old, erin)
    opened = home_with_both(hall, old, new, Role.BUYER, tmp_path)
    own_address(opened, new, where(new).address)
    decide(hall, old, Role.BUYER, decision="move", **named(new))
    row = AttachedDecision.objects.get()
    assert old.record is not None
    words = {**named(new), "successor_address": str(old.record.address)}
    row.content = sealed_anew(row, words)
    row.save(update_fields=["content"])

    take(opened, hall, old, Role.BUYER, lease)

    assert AttachedDecision.objects.get().outcome == "other_than_expected"


def sealed_anew(row: AttachedDecision, words: dict[str, str]) -> bytes:
    return keyring().seal(Secret(json.dumps(words)), decision_spot(row.id))


# The pages


def test_another_arbiter_is_proposed_on_a_page_that_says_who_would_get_what(
    hall: Market, erin: Person
) -> None:
    deal, client = funded(hall), page_of(hall, Role.BUYER)
    assert f'href="{at(deal, "replace")}"' in client.get(f"/escrows/{deal.escrow_id}").text
    assert "arbiter&#x27;s account" in client.get(at(deal, "replace")).text
    wrong = client.post(at(deal, "replace"), {"arbiter": "nobody", "arbiter_percent": "2"})
    assert (wrong.status_code, "errorlist" in wrong.text) == (422, True)

    told = {"arbiter": "erin", "arbiter_percent": "2.5"}
    question = client.post(at(deal, "replace"), told).text

    assert "Propose an escrow with erin as its arbiter, which takes over the money?" in question
    assert "1.45 XMR" in question
    assert "2.50 %" in question
    assert not AttachedDecision.objects.exists()
    client.post(at(deal, "replace"), {**typed(question), "read": "yes"})
    row = AttachedDecision.objects.get()
    assert (row.decision, row.escrow_id) == ("replace", deal.escrow_id)
    assert read_content(row) == {"arbiter": "erin", "arbiter_bps": "250", "amount": str(THERE)}


def test_a_move_is_signed_on_a_page_that_shows_where_the_money_goes(
    hall: Market, erin: Person
) -> None:
    old = funded(hall)
    new = ready_successor(hall, old, erin)
    client = page_of(hall, Role.VENDOR)
    for deal in (old, new):
        page = client.get(f"/escrows/{deal.escrow_id}").text
        assert f'href="{at(old, "move")}"' in page, "from both escrows"
        assert at(old, "replace") not in page

    question = client.get(at(old, "move")).text

    assert where(new).address in question
    assert new.escrow_id in question
    assert erin.identity.public.fingerprint in question
    assert "This can&#x27;t be taken back." in question
    client.post(at(old, "move"), {**typed(question), "read": "yes"})
    row = AttachedDecision.objects.get()
    assert (row.escrow_id, read_content(row)) == (old.escrow_id, named(new))


def test_the_terms_of_a_successor_are_accepted_without_an_address(
    hall: Market, erin: Person
) -> None:
    """The agent knows where its party is paid: as before."""
    new = proposed_successor(hall, funded(hall), erin)

    question = page_of(hall, Role.VENDOR).get(at(new, "accept")).text

    assert "as in the escrow before" in question
    assert "Nobody pays in" in question
    assert not re.search(r'name="payout_address"', html.unescape(question))
    assert decide(hall, new, Role.VENDOR, decision="accept").status == 202
