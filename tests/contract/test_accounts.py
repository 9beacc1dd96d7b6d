"""Stories about accounts, tokens, pairing, and requests sent twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password

from tests.contract.kit import ORIGIN, Api, at_once, open_account
from tripartite.coordinator.accounts import registration
from tripartite.coordinator.accounts.models import Account, ApiToken
from tripartite.coordinator.ops.models import StoredAnswer
from tripartite.coordinator.storing import now
from tripartite.protocol.identity import Identity
from tripartite.protocol.pairing import write_card

ANN = {"name": "ann", "password": "a horse, a battery"}


def token_for(label: str = "laptop", *, key: str | None = None) -> dict[str, object]:
    answer = Api().post("/api/tokens", {**ANN, "label": label}, key=key)
    assert answer.status == 201, answer.body
    body: dict[str, object] = answer.body
    return body


def card(
    name: str, identity: Identity, *, origin: str = ORIGIN, age: timedelta = timedelta()
) -> str:
    return write_card(identity, account=name, coordinator=origin, issued_at=now() - age)


def test_an_account_is_opened_and_its_token_works_until_revoked(database: str) -> None:
    assert Api().post("/api/accounts", ANN).status == 201
    issued = token_for()
    api = Api(str(issued["token"]))

    assert str(issued["token"]).startswith("tri_")
    assert api.get("/api/agent").body == {"account": "ann", "identity": None, "fingerprint": None}
    (shown,) = api.get("/api/tokens").body["tokens"]
    assert (shown["label"], shown["revoked"]) == ("laptop", False)
    assert shown["last_used"] == now().date().isoformat()
    assert "token" not in shown

    assert api.delete(f"/api/tokens/{issued['id']}").status == 204
    answer = api.get("/api/agent")
    assert (answer.status, answer.body["code"]) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_database_holds_neither_token_nor_password(database: str) -> None:
    Api().post("/api/accounts", ANN)
    token = str(token_for(key="k")["token"])

    row = ApiToken.objects.get()
    stored = [*vars(row).values(), *vars(StoredAnswer.objects.get()).values()]
    assert all(token not in str(value) for value in stored)
    assert Account.objects.get().password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "Ann"}, "name_invalid"),
        ({"name": "a" * 33}, "name_invalid"),
        ({"name": "аnn"}, "name_invalid"),  # noqa: RUF001 — its first letter is Cyrillic
        ({"name": "ann\n"}, "name_invalid"),
        ({"password": "short"}, "password_weak"),
        ({"password": "1q2w3e4r5t6y"}, "password_weak"),
        ({"password": 12}, "schema_mismatch"),
        ({"role": "admin"}, "schema_mismatch"),
    ],
)
def test_a_careless_registration_is_refused(
    database: str, change: dict[str, object], code: str
) -> None:
    answer = Api().post("/api/accounts", {**ANN, **change})

    assert (answer.status, answer.body["code"]) == (422, code)
    assert not Account.objects.exists()


def test_a_name_has_one_owner(database: str) -> None:
    answers = at_once([lambda: Api().post("/api/accounts", ANN)] * 3)

    assert sorted(answer.status for answer in answers) == [201, 409, 409]


def test_a_wrong_password_and_an_unknown_name_look_the_same(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the work done: both cost one hash."""
    hashes: list[str] = []

    def counting(password: str) -> str:
        hashes.append(password)
        return make_password(password)

    monkeypatch.setattr(registration, "make_password", counting)
    Api().post("/api/accounts", ANN)
    wrong, unknown = (
        Api().post("/api/tokens", {"name": name, "password": "not her password", "label": "x"})
        for name in ("ann", "bob")
    )

    assert wrong.body == unknown.body
    assert wrong.status == unknown.status == 401
    assert hashes == ["not her password"], "the unknown name's; the known one's is compared"


def test_an_answer_never_repeats_what_was_sent(database: str) -> None:
    answer = Api().post("/api/accounts", {"name": "ann", "password": ["a secret"]})

    assert answer.body["errors"] == [
        {"path": "body.body.password", "message": "Input should be a valid string"}
    ]


def test_an_agent_is_paired_once_and_for_good(database: str) -> None:
    person = open_account("ann", paired=False)
    identity = person.identity.public

    first = person.api.post("/api/agent/pair", {"card": card("ann", person.identity)})
    again = person.api.post("/api/agent/pair", {"card": card("ann", person.identity)})
    other = person.api.post("/api/agent/pair", {"card": card("ann", Identity.generate())})

    assert (first.status, again.status) == (200, 200)
    assert first.body == {"account": "ann", "fingerprint": identity.fingerprint}
    assert (other.status, other.body["code"]) == (409, "already_paired")
    shown = open_account("bob").api.get("/api/accounts/ann").body
    assert shown["identity"] == identity.to_json()


def test_an_identity_belongs_to_one_account(database: str) -> None:
    ann, bob = open_account("ann"), open_account("bob", paired=False)

    answer = bob.api.post("/api/agent/pair", {"card": card("bob", ann.identity)})

    assert (answer.status, answer.body["code"]) == (409, "already_paired")


def test_a_card_made_for_another_purpose_is_refused(database: str) -> None:
    ann = open_account("ann", paired=False)
    other_name = card("bob", ann.identity)
    other_place = card("ann", ann.identity, origin="https://other.example")
    old = card("ann", ann.identity, age=timedelta(minutes=11))
    forged = card("ann", ann.identity)[:-6] + "AAAAAA"

    codes = [
        ann.api.post("/api/agent/pair", {"card": made}).body["code"]
        for made in (other_name, other_place, old, forged, "no card")
    ]

    assert codes == [
        "card_for_another",
        "card_for_another",
        "pairing_card_stale",
        "signature_invalid",
        "envelope_malformed",
    ]


def test_the_same_key_and_body_get_the_same_answer(database: str) -> None:
    first = Api().post("/api/accounts", ANN, key="one")
    again = Api().post("/api/accounts", ANN, key="one")
    other = Api().post("/api/accounts", {**ANN, "name": "bob"}, key="one")

    assert (first.status, first.body) == (again.status, again.body)
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")


def test_a_token_asked_for_again_is_the_same_token(database: str) -> None:
    Api().post("/api/accounts", ANN)

    first, again = token_for(key="one"), token_for(key="one")

    assert first == again
    assert ApiToken.objects.count() == 1
    assert Api(str(again["token"])).get("/api/agent").status == 200


def test_a_key_without_the_password_gives_no_token(database: str) -> None:
    Api().post("/api/accounts", ANN)
    token_for(key="one")

    answer = Api().post("/api/tokens", {**ANN, "password": "guess", "label": "laptop"}, key="one")

    assert (answer.status, answer.body["code"]) == (401, "credentials_wrong")


def test_keys_of_different_accounts_have_nothing_to_do_with_each_other(database: str) -> None:
    ann, bob = open_account("ann", paired=False), open_account("bob", paired=False)

    for person in (ann, bob):
        answer = person.api.post(
            "/api/agent/pair", {"card": card(person.name, person.identity)}, key="one"
        )
        assert answer.body["account"] == person.name


def test_a_refused_request_is_judged_afresh(database: str) -> None:
    ann = open_account("ann", paired=False)
    body = {"card": card("bob", ann.identity)}

    answers = [ann.api.post("/api/agent/pair", body, key="one") for _ in range(2)]

    assert [answer.body["code"] for answer in answers] == ["card_for_another"] * 2
    assert not StoredAnswer.objects.exists()


def test_parallel_requests_with_one_key_do_the_thing_once(database: str) -> None:
    Api().post("/api/accounts", ANN)

    answers = at_once([lambda: Api().post("/api/tokens", {**ANN, "label": "x"}, key="one")] * 4)

    assert ApiToken.objects.count() == 1
    assert {answer.status for answer in answers} <= {201, 503}
    assert len({answer.body["token"] for answer in answers if answer.status == 201}) == 1


@pytest.mark.parametrize("key", ["x" * 129, "schlüssel"])
def test_an_unusable_key_is_named(database: str, key: str) -> None:
    answer = Api().post("/api/accounts", ANN, key=key)

    assert (answer.status, answer.body["code"]) == (422, "idempotency_key_invalid")
