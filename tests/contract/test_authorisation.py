"""Who may do what: every route of the OpenAPI document, for everybody.

A route without a line in ``MATRIX`` fails the first test: access is decided, never forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.contract.kit import ORIGIN, Answer, Api, Deal, Market, Person, open_account
from tripartite.coordinator.api import api as ninja
from tripartite.coordinator.storing import now
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.pairing import write_card

WHO = ("owner", "other party", "stranger", "admin", "nobody")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Scene:
    """A deal between a buyer (the owner), vendor and arbiter, and people around it."""

    market: Market
    deal: Deal
    people: Mapping[str, Person | None]
    who: str

    @property
    def api(self) -> Api:
        person = self.people[self.who]
        return Api() if person is None else person.api

    @property
    def token_id(self) -> int:
        """The owner's token."""
        owner = self.people["owner"]
        assert owner is not None
        return int(owner.api.get("/api/tokens").body["tokens"][0]["id"])


def propose(scene: Scene) -> Answer:
    """The owner's proposal, whoever hands it in."""
    return scene.api.post("/api/escrow", {"envelope": scene.market.deal().propose()})


def post_message(scene: Scene) -> Answer:
    """The owner's message, whoever hands it in."""
    text = scene.deal.write(Role.BUYER, Kind.CANCEL, body={"reason": "changed_mind"})
    return scene.api.post(f"/api/escrow/{scene.deal.escrow_id}/messages", {"envelope": text})


def act(scene: Scene) -> Answer:
    """An admin's act."""
    body = {"action": "mark_investigated", "admin_notes": "Nothing is wrong here."}
    return scene.api.post(f"/api/admin/recovery/{scene.deal.escrow_id}/action", body)


def switch_maintenance(scene: Scene) -> Answer:
    """No new escrows, if an admin says so."""
    body = {"enabled": True, "reason": "Critical issue detected"}
    return scene.api.post("/api/admin/maintenance-mode", body)


def pair(scene: Scene) -> Answer:
    """The owner's card, whoever hands it in."""
    owner = scene.people["owner"]
    assert owner is not None
    card = write_card(owner.identity, account=owner.name, coordinator=ORIGIN, issued_at=now())
    return scene.api.post("/api/agent/pair", {"card": card})


def register_wallet_rpc(scene: Scene) -> Answer:
    """The owner's wallet RPC, whoever hands it in. Nobody's identity is attached here."""
    body = {"rpc_url": "http://127.0.0.1:18083", "role": "buyer"}
    return scene.api.post(f"/api/escrow/{scene.deal.escrow_id}/register-wallet-rpc", body)


def propose_attached(scene: Scene) -> Answer:
    """Terms for an agent that the operator runs, which nobody here has."""
    body = {
        "role": "buyer",
        "counterparty": "vendor",
        "arbiter": "arbiter",
        "amount": "1",
        "subject": "a bicycle",
        "payout_address": "4",
    }
    return scene.api.post("/api/attached/escrows", body)


def decide(scene: Scene) -> Answer:
    """A click, where only agents at home decide."""
    path = f"/api/escrow/{scene.deal.escrow_id}/decisions"
    return scene.api.post(path, {"decision": "cancel"})


def get(path: str) -> Callable[[Scene], Answer]:
    return lambda scene: scene.api.get(path.format(escrow_id=scene.deal.escrow_id))


def anybody(path: str, body: Mapping[str, str]) -> Callable[[Scene], Answer]:
    return lambda scene: scene.api.post(path, body)


NEW = {"name": "newcomer", "password": "a horse, a battery"}
OPEN = (200, 200, 200, 200, 200)
WITH_TOKEN = (200, 200, 200, 200, 401)
PARTIES = (200, 200, 404, 404, 401)
MISSING = (404, 404, 404, 404, 401)
ADMINS = (403, 403, 403, 200, 401)

# One status for each of WHO.
MATRIX: Mapping[tuple[str, str], tuple[Callable[[Scene], Answer], tuple[int, ...]]] = {
    ("post", "/api/accounts"): (anybody("/api/accounts", NEW), (201,) * 5),
    # The password decides, not who asks: nobody has one here.
    ("post", "/api/tokens"): (anybody("/api/tokens", {**NEW, "label": "x"}), (401,) * 5),
    ("get", "/api/tokens"): (get("/api/tokens"), WITH_TOKEN),
    ("delete", "/api/tokens/{token_id}"): (
        lambda scene: scene.api.delete(f"/api/tokens/{scene.token_id}"),
        (204, 404, 404, 404, 401),
    ),
    ("post", "/api/agent/pair"): (pair, (200, 422, 422, 422, 401)),
    ("get", "/api/agent"): (get("/api/agent"), WITH_TOKEN),
    ("post", "/api/agent/heartbeat"): (
        anybody("/api/agent/heartbeat", {}),
        (204, 204, 204, 204, 401),
    ),
    ("get", "/api/accounts/{name}"): (get("/api/accounts/vendor"), WITH_TOKEN),
    ("post", "/api/escrow"): (propose, (201, 403, 403, 403, 401)),
    ("get", "/api/escrow"): (get("/api/escrow"), WITH_TOKEN),
    ("get", "/api/escrow/{escrow_id}"): (get("/api/escrow/{escrow_id}"), PARTIES),
    ("post", "/api/escrow/{escrow_id}/messages"): (post_message, (201, 403, 404, 404, 401)),
    ("get", "/api/escrow/{escrow_id}/messages"): (
        get("/api/escrow/{escrow_id}/messages"),
        PARTIES,
    ),
    ("get", "/api/admin/recovery/list"): (get("/api/admin/recovery/list"), ADMINS),
    # Nothing is stuck here: an admin is let in, and told so.
    ("post", "/api/admin/recovery/{escrow_id}/action"): (act, (403, 403, 403, 409, 401)),
    # Only who was asked may answer, and nobody was.
    ("post", "/api/recovery/{action_id}/acknowledge"): (
        anybody("/api/recovery/1/acknowledge", {}),
        (404, 404, 404, 404, 401),
    ),
    ("post", "/api/recovery/{action_id}/answer"): (
        anybody("/api/recovery/1/answer", {"result": "own_turn"}),
        (404, 404, 404, 404, 401),
    ),
    ("get", "/api/notifications"): (get("/api/notifications"), WITH_TOKEN),
    ("post", "/api/notifications"): (
        anybody("/api/notifications", {"kind": "webhook", "url": "https://news.example/x"}),
        (201, 201, 201, 201, 401),
    ),
    # Nobody has a channel here; others' are as good as none.
    ("delete", "/api/notifications/{channel_id}"): (
        lambda scene: scene.api.delete("/api/notifications/1"),
        MISSING,
    ),
    ("get", "/api/notifications/{channel_id}/deliveries"): (
        get("/api/notifications/1/deliveries"),
        MISSING,
    ),
    ("post", "/api/notifications/{channel_id}/test"): (
        anybody("/api/notifications/1/test", {}),
        MISSING,
    ),
    ("post", "/api/notifications/deliveries/{delivery_id}/replay"): (
        anybody("/api/notifications/deliveries/1/replay", {}),
        MISSING,
    ),
    ("get", "/api/recovery/panels"): (get("/api/recovery/panels"), WITH_TOKEN),
    ("post", "/api/recovery/panels/{panel_id}/votes"): (
        anybody("/api/recovery/panels/1/votes", {"vote": "x"}),
        (404, 404, 404, 404, 401),
    ),
    ("get", "/api/arbiters"): (get("/api/arbiters"), WITH_TOKEN),
    # No arbiter is online here; who asks doesn't matter.
    ("post", "/api/arbiters/assignment"): (
        anybody("/api/arbiters/assignment", {"other": "vendor"}),
        (503, 503, 503, 503, 401),
    ),
    ("post", "/api/agent/attach"): (anybody("/api/agent/attach", {}), (409, 409, 409, 409, 401)),
    ("post", "/api/attached/escrows"): (propose_attached, (409, 409, 409, 409, 401)),
    ("post", "/api/escrow/{escrow_id}/register-wallet-rpc"): (
        register_wallet_rpc,
        (409, 403, 403, 403, 401),
    ),
    ("get", "/api/escrow/{escrow_id}/wallet-rpc"): (
        get("/api/escrow/{escrow_id}/wallet-rpc"),
        (404, 404, 403, 403, 401),
    ),
    ("post", "/api/escrow/{escrow_id}/decisions"): (decide, (409, 409, 403, 403, 401)),
    # Everybody sees their own, and has none.
    ("get", "/api/escrow/{escrow_id}/decisions"): (
        get("/api/escrow/{escrow_id}/decisions"),
        WITH_TOKEN,
    ),
    # Only what an attached agent has opened.
    ("post", "/api/escrow/{escrow_id}/sealed"): (
        lambda scene: scene.api.post(f"/api/escrow/{scene.deal.escrow_id}/sealed", {}),
        (409, 409, 403, 403, 401),
    ),
    ("get", "/api/escrow/{escrow_id}/sealed"): (
        get("/api/escrow/{escrow_id}/sealed"),
        (409, 409, 403, 403, 401),
    ),
    ("get", "/api/events"): (get("/api/events"), WITH_TOKEN),
    ("get", "/api/network"): (get("/api/network"), OPEN),
    ("get", "/api/limits"): (get("/api/limits"), WITH_TOKEN),
    ("get", "/api/admin/maintenance-mode"): (get("/api/admin/maintenance-mode"), ADMINS),
    ("post", "/api/admin/maintenance-mode"): (switch_maintenance, ADMINS),
}


def test_every_route_has_its_line() -> None:
    routes = {
        (method, path)
        for path, operations in ninja.get_openapi_schema()["paths"].items()
        for method in operations
        if method in METHODS
    }

    assert set(MATRIX) == routes


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", MATRIX, ids=" ".join)
def test_each_route_answers_each_person_as_decided(
    market: Market, route: tuple[str, str], who: str
) -> None:
    call, expected = MATRIX[route]
    people: dict[str, Person | None] = {
        "owner": market.people[Role.BUYER],
        "other party": market.people[Role.VENDOR],
        "stranger": open_account("stranger"),
        "admin": open_account("operator", admin=True),
        "nobody": None,
    }
    scene = Scene(market, market.proposed_deal(), people, who)

    answer = call(scene)

    assert answer.status == expected[WHO.index(who)], answer.body
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.body["code"]


def test_what_a_stranger_lists_is_empty(market: Market) -> None:
    market.proposed_deal()
    stranger = open_account("stranger")

    assert stranger.api.get("/api/escrow").body == {"escrows": [], "next": None}
    assert stranger.api.get("/api/events").body["events"] == []


def test_the_openapi_document_is_of_version_3_1_and_open_to_all(database: str) -> None:
    answer = Api().get("/api/openapi.json")

    assert answer.status == 200
    assert answer.body["openapi"].startswith("3.1")
