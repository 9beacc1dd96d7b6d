"""No request, however odd, and whoever sends it, makes the coordinator fail.

Schemathesis reads our own OpenAPI document and makes requests that fit it and requests that don't;
every person of the role table sends each. Nothing is sent over a network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.budget import FACTOR, budget
from tests.contract.engines import Engine, use_database
from tests.contract.kit import ORIGIN, TX, TXID, Api, Deal, Market, Person, open_account
from tripartite.coordinator.accounts.models import Account, Scope
from tripartite.coordinator.accounts.tokens import issue_token
from tripartite.coordinator.api import api as ninja
from tripartite.coordinator.ops.problems import CONTENT_TYPE
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wsgi import application
from tripartite.domain.errors import Unavailable, leaves
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.pairing import write_card

DOCUMENT = json.loads(json.dumps(ninja.get_openapi_schema()))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = application
ROUTES = [(method, path) for path, operations in DOCUMENT["paths"].items() for method in operations]
PROMISES = [status_code_conformance, content_type_conformance, response_schema_conformance]
ENGINES = ["sqlite"] if FACTOR == 1 else ["sqlite", "postgresql"]

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True, scope="session")


@dataclass(frozen=True)
class Scene:
    """Escrows at several points of their lives, and everybody who could ask about them."""

    market: Market
    deals: tuple[Deal, ...]
    people: Mapping[str, Person]

    def token(self, who: str) -> str | None:
        """A fresh one, since some requests revoke tokens; None for who has none."""
        if who == "nobody":
            return None
        name, scope = ("buyer", Scope.READ) if who == "reader" else (who, Scope.FULL)
        with write_transaction():
            account = Account.objects.get(pk=self.people[name].account_id)
            return issue_token(account, "fuzz", scope).text


WHO = ("buyer", "vendor", "arbiter", "stranger", "operator", "reader", "nobody")


@pytest.fixture(scope="module")
def scene(engine: Engine) -> Iterator[Scene]:
    # Hashing each of some thousand passwords as slowly as it should be done proves nothing here.
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with engine.database() as url, quick:
        use_database(url)
        market = Market()
        people = {role.value: person for role, person in market.people.items()}
        people["stranger"] = open_account("stranger")
        people["operator"] = open_account("operator", admin=True)
        deals = (market.proposed_deal(), market.disputed_deal(), market.broadcast_deal())
        yield Scene(market, deals, people)


def known_values(scene: Scene) -> Mapping[str, st.SearchStrategy[Any]]:
    """What a caller who means harm would put where, beside what the document suggests."""
    buyer = scene.people["buyer"]
    card = write_card(buyer.identity, account="buyer", coordinator=ORIGIN, issued_at=now())
    said = [scene.market.deal().propose()]
    for deal in scene.deals:
        said += [deal.write(role, Kind.CANCEL, body={"reason": "no_time"}) for role in Role]
        said += [deal.write(Role.BUYER, Kind.PROPOSE), deal.write(Role.ARBITER, Kind.RULING)]
        said.append(deal.write(Role.VENDOR, Kind.PAYOUT_SEEN, body={"txid": TXID, "tx": TX}))
    numbers = st.sampled_from([0, 1, 2, -1, 2**31, 2**63, 2**64, 10**40])
    return {
        "escrow_id": st.sampled_from([deal.escrow_id for deal in scene.deals]),
        "token_id": numbers,
        "channel_id": numbers,
        "delivery_id": numbers,
        "action_id": numbers,
        "panel_id": numbers,
        "after": numbers,
        "limit": numbers,
        "offset": numbers,
        "name": st.sampled_from(["buyer", "operator", "a\x00b", "ÿ", "\ud800"]),
        "envelope": st.sampled_from(said),
        "card": st.sampled_from([card, said[0]]),
        "vote": st.sampled_from([card, said[0]]),
        "url": st.sampled_from(["https://[::1]/", "https://a:b/", "ntfys://x/\x00", "https://é/"]),
        "rpc_url": st.sampled_from(["http://127.0.0.1:18083", f"http://{'a' * 56}.onion:1"]),
        "counterparty": st.sampled_from(["vendor", "stranger"]),
        "arbiter": st.just("arbiter"),
        "other": st.just("vendor"),
        "text": st.sampled_from(["\x00", "\ud800", "x" * 20_000]),
    }


def sharpen(
    case: Case[Any], known: Mapping[str, st.SearchStrategy[Any]], data: st.DataObject
) -> None:
    """Put known values in some of the places that ``case`` fills at random."""
    for holder in (case.path_parameters, case.query, case.body):
        if not isinstance(holder, dict):
            continue
        for name in [one for one in holder if one in known]:
            value = data.draw(known[name] | st.just(holder[name]))
            # Half a character has a spelling in JSON, but none in an address.
            if holder is case.body or not isinstance(value, str) or value.isprintable():
                holder[name] = value


def has_parameters(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Whether there is anything in a request that could be wrong."""
    return bool(operation.body or operation.query or operation.path_parameters)


def judge(case: Case[Any], headers: Mapping[str, str]) -> None:
    """An answer is what the document promises, or a problem with a code of ours."""
    response = case.call(headers=dict(headers))
    shown = (
        f"{case.method} {case.formatted_path}: {response.status_code} {response.content[:400]!r}"
    )
    if response.status_code < 400:
        case.validate_response(response, checks=PROMISES)
        return
    assert response.status_code != 500, shown
    assert response.headers["content-type"] == [CONTENT_TYPE], shown
    problem = response.json()
    assert problem["status"] == response.status_code, shown
    if response.status_code > 500:
        assert problem["code"] in {leaf.code for leaf in leaves(Unavailable)}, shown


@pytest.mark.parametrize("number", [-1, 0, 2**31, 2**63, 10**40])
def test_a_number_that_no_database_can_hold_is_nobodys(scene: Scene, number: int) -> None:
    numbered = [route for route in ROUTES if "_id}" in route[1] and "escrow_id" not in route[1]]
    assert len(numbered) > 5
    bodies = {"answer": {"result": "own_turn"}, "votes": {"vote": "x"}}
    api = Api(scene.token("buyer"))

    for method, path in numbered:
        place = re.sub("{.*}", str(number), path)
        answer = api.send(method.upper(), place, bodies.get(path.rpartition("/")[2], {}))
        assert answer.status in {404, 422}, (place, answer.body)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_whatever_is_sent_there_is_answered(scene: Scene, route: tuple[str, str]) -> None:
    method, path = route
    operation = SCHEMA[path][method]
    known = known_values(scene)
    tokens = {who: scene.token(who) for who in WHO}

    asked = cycle(tokens.values())
    modes = list(GenerationMode) if has_parameters(operation) else [GenerationMode.POSITIVE]

    for mode in modes:

        @budget(len(WHO), shrink=False)
        @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
        def every_request_is_answered(case: Case[Any], data: st.DataObject) -> None:
            sharpen(case, known, data)
            token = next(asked)
            judge(case, {} if token is None else {"Authorization": f"Bearer {token}"})

        every_request_is_answered()
