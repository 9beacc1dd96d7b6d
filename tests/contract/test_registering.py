"""Stories about registering wallet RPCs: one wins, the rules hold, nothing is readable.

An attach process is played by ``Attach`` here: it answers as the real one does, without wallets.
"""

from __future__ import annotations

import json
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from tests.contract.kit import Answer, Deal, Market, Person, at_once, new_address, open_account
from tests.contract.serving import Served, served
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.keyring import SealedRowMoved
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import credentials_of
from tripartite.coordinator.wallets.custody import CustodyGuard
from tripartite.coordinator.wallets.errors import AttachPending
from tripartite.coordinator.wallets.fulfilling import NewWallet, fulfil, refuse
from tripartite.coordinator.wallets.models import (
    AttachedIdentity,
    WalletMapping,
    WalletRegistration,
)
from tripartite.coordinator.wallets.registering import Patience
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import MAY_HOLD_MONEY, State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

URL = "http://127.0.0.1:18083/json_rpc"


class Attach:
    """Answers registrations as an attach process does; ``says`` is raised instead, if it is set."""

    def __init__(self) -> None:
        self.says: TripartiteError | None = None
        self.made: list[str] = []
        self._runner = Runner({keys.REGISTRATION: self._look}, pool=keys.ATTACH)
        self._thread = threading.Thread(target=self._runner.run)

    def _look(self, lease: queue.Lease) -> None:
        key = lease.key.removeprefix(keys.REGISTRATION)
        if self.says is not None:
            refuse(lease, key, self.says)
            return
        wallet = NewWallet(secrets.token_hex(16), Secret("pw"), new_address())
        self.made.append(wallet.wallet_id)
        fulfil(lease, key, wallet)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._runner.stop()
            self._thread.join(timeout=30)
            connections.close_all()


@pytest.fixture
def attach(database: str) -> Iterator[Attach]:
    one = Attach()
    with one.running():
        yield one


@pytest.fixture
def hall(market: Market) -> Market:
    """The market, its three identities held by the operator."""
    with write_transaction():
        for person in market.people.values():
            AttachedIdentity.objects.create(account_id=person.account_id, asked_at=now())
    return market


def body(role: Role, url: str = URL, **fields: str) -> dict[str, str]:
    return {
        "rpc_url": url,
        "rpc_user": "alice",
        "rpc_password": "s3cret-login",
        "role": role.value,
        **fields,
    }


def register(
    person: Person, deal: Deal, role: Role, *, key: str | None = None, url: str = URL
) -> Answer:
    return person.api.post(
        f"/api/escrow/{deal.escrow_id}/register-wallet-rpc", body(role, url), key=key
    )


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["code"]


@contextmanager
def configured(**changes: Any) -> Iterator[None]:  # noqa: ANN401 — any setting
    before = settings.COORDINATOR
    settings.COORDINATOR = replace(before, **changes)
    try:
        yield
    finally:
        settings.COORDINATOR = before


def test_a_registration_makes_a_fresh_wallet_and_one_mapping(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    buyer = hall.people[Role.BUYER]

    answer = register(buyer, deal, Role.BUYER)

    assert answer.status == 201, answer.body
    assert answer.body == {
        "success": True,
        "message": answer.body["message"],
        "wallet_id": attach.made[0],
        "wallet_address": answer.body["wallet_address"],
        "role": "buyer",
    }
    row = WalletMapping.objects.get(escrow_id=deal.escrow_id)
    assert (row.role, row.user_id, row.wallet_id, row.recovery_mode) == (
        "buyer",
        buyer.account_id,
        attach.made[0],
        "manual",
    )
    shown = buyer.api.get(f"/api/escrow/{deal.escrow_id}/wallet-rpc").body
    assert (shown["state"], shown["wallet_id"]) == ("registered", attach.made[0])


def test_each_refusal_has_its_own_code_and_status(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    buyer, vendor = hall.people[Role.BUYER], hall.people[Role.VENDOR]
    stranger = open_account("stranger")
    nowhere = Deal({role: one.identity for role, one in hall.people.items()})

    assert code(register(buyer, nowhere, Role.BUYER)) == (404, "escrow_unknown")
    assert code(register(stranger, deal, Role.BUYER)) == (403, "escrow_not_yours")
    assert code(register(vendor, deal, Role.BUYER)) == (403, "role_not_yours")
    assert code(register(buyer, deal, Role.ARBITER)) == (403, "role_not_yours")
    evil = "http://127.0.0.1.evil.example:18082"
    assert code(register(buyer, deal, Role.BUYER, url=evil)) == (422, "rpc_url_refused")
    onion = "http://2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion:18082"
    assert code(register(buyer, deal, Role.BUYER, url=onion)) == (422, "onion_proxy_missing")
    AttachedIdentity.objects.filter(pk=buyer.account_id).delete()
    assert code(register(buyer, deal, Role.BUYER)) == (409, "identity_not_attached")
    assert not WalletRegistration.objects.exists()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("wallet_rpc_unreachable", 503),
        ("wallet_rpc_unreadable", 503),
        ("wallet_rpc_login_wrong", 422),
        ("wallet_rpc_of_another_network", 422),
        ("wallet_rpc_too_old", 422),
    ],
)
def test_what_the_wallet_rpc_answers_reaches_the_caller(
    hall: Market, attach: Attach, said: str, status: int
) -> None:
    from tripartite.coordinator.wallets.errors import FOUND_AT_THE_WALLET  # noqa: PLC0415 — by code

    deal = hall.proposed_deal()
    attach.says = next(one for one in FOUND_AT_THE_WALLET if one.code == said)("What to do.")

    refused = register(hall.people[Role.BUYER], deal, Role.BUYER)

    assert code(refused) == (status, said)
    assert refused.body["detail"] == "What to do."
    assert not WalletMapping.objects.exists()
    attach.says = None
    assert register(hall.people[Role.BUYER], deal, Role.BUYER).status == 201, "and it can be mended"


def test_a_second_registration_leaves_the_first_untouched(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    buyer = hall.people[Role.BUYER]
    register(buyer, deal, Role.BUYER)
    before = WalletMapping.objects.values().get()

    second = register(buyer, deal, Role.BUYER, url="http://127.0.0.1:18084")

    assert code(second) == (409, "wallet_rpc_already_registered")
    assert WalletMapping.objects.values().get() == before


def test_the_same_request_again_gets_the_same_answer(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    first = register(hall.people[Role.BUYER], deal, Role.BUYER, key="k")

    again = register(hall.people[Role.BUYER], deal, Role.BUYER, key="k")

    assert (again.status, again.body) == (first.status, first.body)
    assert len(attach.made) == 1


def test_no_second_signer_comes_into_the_operators_reach(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    register(hall.people[Role.BUYER], deal, Role.BUYER)

    refused = register(hall.people[Role.ARBITER], deal, Role.ARBITER, url="http://127.0.0.2:9000")

    assert code(refused) == (403, "custody_guarded")
    assert "tripartite agent" in refused.body["detail"]
    with configured(custody_guard=CustodyGuard.WARN):
        warned = register(hall.people[Role.ARBITER], deal, Role.ARBITER)
    assert warned.status == 201
    assert "one operator must never reach two" in warned.body["message"]


def test_of_two_roles_at_once_the_guard_lets_one_through(hall: Market, attach: Attach) -> None:
    for _ in range(10):
        deal = hall.proposed_deal()

        answers = at_once(
            [partial(register, hall.people[role], deal, role) for role in (Role.BUYER, Role.VENDOR)]
        )

        assert sorted(one.status for one in answers) == [201, 403]


def test_of_two_registrations_at_once_exactly_one_wins_200_times(
    hall: Market, attach: Attach
) -> None:
    """Two hundred escrows; each time two requests for the same role start together."""
    buyer = hall.people[Role.BUYER]
    deals = [hall.proposed_deal() for _ in range(200)]
    for deal in deals:
        answers = at_once(
            [
                partial(register, buyer, deal, Role.BUYER, url=f"http://127.0.0.1:{port}")
                for port in (20_001, 20_002)
            ]
        )

        won = [one for one in answers if one.status == 201]
        lost = [one for one in answers if one.status != 201]
        assert len(won) == 1, [one.body for one in answers]
        assert [one.status for one in lost] == [409]
        assert lost[0].body["code"] in {
            "registration_under_way",
            "wallet_rpc_already_registered",
        }
        row = WalletMapping.objects.get(escrow_id=deal.escrow_id)
        assert row.wallet_id == won[0].body["wallet_id"]
    assert len({row.wallet_id for row in WalletMapping.objects.all()}) == 200
    assert len(attach.made) == 200, "no wallet was made in vain"


def test_nothing_of_a_login_can_be_read_in_the_database(hall: Market, attach: Attach) -> None:
    deal = hall.proposed_deal()
    register(hall.people[Role.BUYER], deal, Role.BUYER)

    def everything(table: str) -> str:
        with connection.cursor() as sql:
            sql.execute(f"SELECT * FROM {table}")  # noqa: S608 — our own tables
            return str([[bytes(v) if isinstance(v, memoryview) else v for v in row]
                        for row in sql.fetchall()])  # fmt: skip

    for table in ("escrow_wallet_mappings", "wallet_registrations", "work_workitem"):
        assert "s3cret-login" not in everything(table)
        assert "18083" not in everything(table)
    assert bytes(WalletRegistration.objects.get().credentials) == b"", "not needed any more"


def test_a_login_moved_to_another_row_does_not_open(hall: Market, attach: Attach) -> None:
    for _ in range(2):
        register(hall.people[Role.BUYER], hall.proposed_deal(), Role.BUYER)
    one, other = WalletMapping.objects.all()
    assert credentials_of(one).password.reveal() == "s3cret-login"

    WalletMapping.objects.filter(pk=one.pk).update(credentials=other.credentials)

    with pytest.raises(SealedRowMoved):
        credentials_of(WalletMapping.objects.get(pk=one.pk))


def test_a_mapping_stays_while_its_escrow_may_hold_money(hall: Market, attach: Attach) -> None:
    from tripartite.coordinator.wallets.errors import MappingHoldsMoney  # noqa: PLC0415 — story

    deal = hall.proposed_deal()
    register(hall.people[Role.BUYER], deal, Role.BUYER)
    for state in sorted(MAY_HOLD_MONEY):
        Escrow.objects.filter(pk=deal.escrow_id).update(state=state.value)
        with pytest.raises(MappingHoldsMoney), write_transaction():
            WalletMapping.objects.get().delete()

    Escrow.objects.filter(pk=deal.escrow_id).update(state=State.CANCELLED.value)
    WalletMapping.objects.get().delete()
    assert not WalletMapping.objects.exists()


def test_without_an_attach_process_the_caller_is_told_to_come_back(hall: Market) -> None:
    from tripartite.coordinator.wallets import api as routes  # noqa: PLC0415 — its patience is set

    deal = hall.proposed_deal()
    routes._patience.cache_clear()
    before = routes._patience
    routes._patience = lambda: Patience(threads=4, seconds=0.0)  # type: ignore[assignment]  # stands in for the cached one
    try:
        pending = register(hall.people[Role.BUYER], deal, Role.BUYER, key="k")
        assert code(pending) == (503, "attach_pending")
        other = register(hall.people[Role.BUYER], deal, Role.BUYER)
        assert code(other) == (409, "registration_under_way")
    finally:
        routes._patience = before

    attach = Attach()
    with attach.running():
        assert register(hall.people[Role.BUYER], deal, Role.BUYER, key="k").status == 201
    assert len(attach.made) == 1


def ask(server: Served, person: Person, path: str, body_: object = None, *, key: str) -> Answer:
    """Over the network, as no test in this process can: the server's threads are counted."""
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": key}
    data = None if body_ is None else json.dumps(body_).encode()
    request = urllib.request.Request(  # noqa: S310 — our own server's http address
        server.url + path, data, {**headers, "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 — see above
            return Answer(response.status, json.loads(response.read()), dict(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, json.loads(error.read()), dict(error.headers))


def test_registrations_that_wait_leave_threads_for_everybody_else(
    hall: Market, database: str, tmp_path: Path
) -> None:
    """As many as there are threads: half of them wait, the others are told to come again."""
    threads, waiting = 4, 2
    buyer = hall.people[Role.BUYER]
    deals = [hall.proposed_deal() for _ in range(threads)]

    def try_it(server: Served, deal: Deal) -> Answer:
        path = f"/api/escrow/{deal.escrow_id}/register-wallet-rpc"
        return ask(server, buyer, path, body(Role.BUYER), key=deal.escrow_id)

    with (
        served(
            tmp_path,
            "--only",
            "http",
            DATABASE_URL=database,
            MIGRATE="yes",
            THREADS=str(threads),
            KEYRING_FILE=str(settings.COORDINATOR.keyring_file),
        ) as server,
        ThreadPoolExecutor(threads) as clients,
    ):
        asked: set[Future[Answer]] = {clients.submit(try_it, server, deal) for deal in deals}
        told: set[Future[Answer]] = set()
        while len(told) < threads - waiting:
            done, asked = wait(asked, return_when=FIRST_COMPLETED)
            told |= done
        assert {code(one.result()) for one in told} == {(503, "attach_pending")}
        assert {one.result().headers["retry-after"] for one in told} == {"1"}

        other = ask(server, buyer, f"/api/escrow/{deals[0].escrow_id}", key="other")
        assert other.status == 200
        assert not any(one.done() for one in asked), "those still wait for their wallets"

        with Attach().running():
            wait(asked)
            assert [try_it(server, deal).status for deal in deals] == [201] * threads


def test_a_lone_thread_waits_for_nobody() -> None:
    """Else one registration would keep everybody out for as long as it waits."""
    with pytest.raises(AttachPending):
        Patience(threads=1, seconds=3_600).wait(lambda: None)
