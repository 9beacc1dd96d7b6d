"""Stories about how much is let in: launch limits, and how often one account may ask."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.contract.explaining import plans
from tests.contract.kit import AMOUNT, Answer, Market, at_once, open_account
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.limits import gate
from tripartite.coordinator.limits.maintenance import switch
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.models import AttachedDecision, AttachedIdentity
from tripartite.domain.lifecycle import CLOSED, State
from tripartite.domain.limits import BETA, Limits
from tripartite.domain.money import ATOMIC, MAX_SUPPLY
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind


@contextmanager
def limited(
    *, amount: int | None = None, volume: int | None = None, at_once: int | None = None
) -> Iterator[None]:
    """The coordinator with these limits while the block lasts."""
    before = settings.COORDINATOR
    settings.COORDINATOR = replace(before, limits=Limits(amount, volume, at_once))
    try:
        yield
    finally:
        settings.COORDINATOR = before


def stand(number: int, *, state: State = State.FUNDED, amount: int = ATOMIC) -> None:
    """So many escrows are on record in this state."""
    Escrow.objects.bulk_create(
        Escrow(
            escrow_id=secrets.token_hex(16),
            state=state.value,
            version=1,
            network="regtest",
            amount=amount,
            snapshot="{}",
            last_position=1,
            created_at=now(),
            changed_at=now(),
        )
        for _ in range(number)
    )


def propose(market: Market, *, amount: int = AMOUNT) -> Answer:
    text = market.deal(amount=amount).propose()
    return market.people[Role.BUYER].api.post("/api/escrow", {"envelope": text})


def said(answer: Answer) -> tuple[int, Any, Any, Any]:
    """Status, code, limit and what is left."""
    body = answer.body
    return answer.status, body.get("code"), body.get("limit"), body.get("left")


def test_of_twenty_who_race_for_the_last_place_one_gets_it(market: Market) -> None:
    stand(19)
    texts = [market.deal().propose() for _ in range(20)]
    api = market.people[Role.BUYER].api

    with limited(at_once=20):
        answers = at_once([partial(api.post, "/api/escrow", {"envelope": text}) for text in texts])

    assert sorted(answer.status for answer in answers) == [201] + [503] * 19
    assert {said(answer)[1:] for answer in answers if answer.status != 201} == {
        ("escrow_limit_reached", 20, 0)
    }
    assert Escrow.objects.count() == 20


def test_of_twenty_who_race_for_the_last_money_one_gets_it(market: Market) -> None:
    stand(4, amount=12 * ATOMIC)
    texts = [market.deal(amount=2 * ATOMIC).propose() for _ in range(20)]
    api = market.people[Role.BUYER].api

    with limited(volume=50 * ATOMIC):
        answers = at_once([partial(api.post, "/api/escrow", {"envelope": text}) for text in texts])

    assert sorted(answer.status for answer in answers) == [201] + [422] * 19
    assert {said(answer)[1:] for answer in answers if answer.status != 201} == {
        ("volume_limit_reached", str(50 * ATOMIC), "0")
    }


def test_a_refusal_says_the_limit_and_what_is_left(market: Market) -> None:
    with limited(amount=5 * ATOMIC, volume=50 * ATOMIC, at_once=20):
        over = said(propose(market, amount=5 * ATOMIC + 1))
        stand(1, amount=48 * ATOMIC)
        beyond = said(propose(market, amount=3 * ATOMIC))
        within = propose(market, amount=2 * ATOMIC).status

    assert over == (422, "amount_above_limit", str(5 * ATOMIC), str(5 * ATOMIC))
    assert beyond == (422, "volume_limit_reached", str(50 * ATOMIC), str(2 * ATOMIC))
    assert within == 201


def test_what_was_let_in_can_be_sent_again_when_all_is_full(market: Market) -> None:
    text = market.deal().propose()
    api = market.people[Role.BUYER].api
    with limited(amount=5 * ATOMIC, volume=AMOUNT, at_once=1):
        first = api.post("/api/escrow", {"envelope": text})
        again = api.post("/api/escrow", {"envelope": text})
        other = propose(market)
    with limited(amount=1):
        lowered = api.post("/api/escrow", {"envelope": text})
    switch(on=True, reason="A new release", by="")
    meanwhile = api.post("/api/escrow", {"envelope": text})

    assert (first.status, again.status, other.status) == (201, 200, 422)
    assert again.body == lowered.body == meanwhile.body == first.body


@pytest.mark.parametrize("state", State)
def test_what_counts_is_decided_for_every_state(market: Market, state: State) -> None:
    """An ended escrow frees its place; only one that never held money frees its amount too."""
    stand(1, state=state, amount=7)

    spent = gate.used(BETA)

    assert spent.concurrent == (state not in CLOSED)
    assert spent.volume == (0 if state is State.CANCELLED else 7)


def test_a_cancelled_proposal_makes_room_again(market: Market) -> None:
    with limited(volume=AMOUNT, at_once=1):
        deal = market.proposed_deal()
        full = propose(market).status
        market.say(deal, Role.BUYER, Kind.CANCEL, body={"reason": "changed_mind"})
        free = propose(market).status

    assert (full, free) == (422, 201)


def test_the_sum_of_all_amounts_is_exact_beyond_two_to_the_64(market: Market) -> None:
    stand(3, amount=MAX_SUPPLY)
    stand(1, amount=1)

    assert gate.used(BETA).volume == 3 * MAX_SUPPLY + 1


def test_counting_reads_one_index_however_many_escrows_there_are(market: Market) -> None:
    with plans() as found, connection.cursor() as cursor:
        for statement in gate.COUNTS:
            cursor.execute(statement)

    assert len(found) == 2
    assert [plan for plan in found if "amounts_by_state" not in plan] == []


def test_everybody_with_an_account_sees_the_limits(market: Market) -> None:
    api = open_account("stranger", paired=False).api
    stand(2, amount=3 * ATOMIC)
    with limited(amount=5 * ATOMIC, volume=50 * ATOMIC, at_once=20):
        limits = api.get("/api/limits").body
    free = api.get("/api/limits").body

    assert limits == {
        "max_escrow_amount_atomic": str(5 * ATOMIC),
        "max_total_volume_atomic": str(50 * ATOMIC),
        "total_volume_left_atomic": str(44 * ATOMIC),
        "max_concurrent_escrows": 20,
        "concurrent_escrows_left": 18,
        "maintenance": False,
        "reason": "",
    }
    assert {free[name] for name in free if name not in ("maintenance", "reason")} == {None}


def test_one_account_asks_only_so_often(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {**settings.ACCOUNT_RATE_LIMITS, "propose": "2/m/key", "register_wallet_rpc": "2/m/key"}
    monkeypatch.setattr(settings, "ACCOUNT_RATE_LIMITS", rates)
    buyer, vendor = market.people[Role.BUYER].api, market.people[Role.VENDOR].api
    text = {"envelope": market.deal().propose()}

    first = buyer.post("/api/escrow", text, key="one")
    again = [buyer.post("/api/escrow", text, key="one").status for _ in range(3)]
    second, third = propose(market), propose(market)
    path = f"/api/escrow/{first.body['escrow_id']}/register-wallet-rpc"
    body = {"rpc_url": "http://127.0.0.1:18083", "role": "buyer"}
    asked = [buyer.post(path, body).body["code"] for _ in range(3)]
    other = vendor.post(path, {**body, "role": "vendor"}).body["code"]

    assert [first.status, *again, second.status] == [201] * 5, "a stored answer costs nothing"
    assert (third.status, third.body["code"]) == (429, "tries_exceeded")
    assert asked == ["identity_not_attached"] * 2 + ["tries_exceeded"]
    assert other == "identity_not_attached", "each account has a count of its own"


def test_a_click_that_proposes_is_judged_as_well(market: Market) -> None:
    buyer = market.people[Role.BUYER]
    AttachedIdentity.objects.create(account_id=buyer.account_id, asked_at=now())
    terms = {
        "role": "buyer",
        "counterparty": "vendor",
        "arbiter": "arbiter",
        "amount": str(6 * ATOMIC),
        "subject": "a bicycle",
        "payout_address": "4",
    }

    with limited(amount=5 * ATOMIC):
        large = buyer.api.post("/api/attached/escrows", terms)
    switch(on=True, reason="A new release", by="")
    later = buyer.api.post("/api/attached/escrows", terms)

    assert said(large)[:2] == (422, "amount_above_limit")
    assert said(later)[:2] == (503, "under_maintenance")
    assert AttachedDecision.objects.count() == 0
