"""An attached agent that has stopped: its party sees it on each page that it would look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.kit import Deal, Market
from tests.contract.test_page_access import browser
from tripartite.agent.desk import Pace
from tripartite.agent.home import create_home
from tripartite.agent.own_words import RESTORED_AT
from tripartite.agent.ports import Forwarded
from tripartite.agent.wallets.records import Node
from tripartite.attach.endpoints import Endpoints
from tripartite.attach.homes import Homes
from tripartite.attach.leases import Heartbeat
from tripartite.attach.mailbox import Mailbox
from tripartite.attach.working import Workshop, work_on
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.freezing import code_of_freeze
from tripartite.coordinator.wallets.models import AttachedFreeze, AttachedIdentity
from tripartite.coordinator.work import queue
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network, Role
from tripartite.monero.monerod import Monerod

NOWHERE = "http://127.0.0.1:1"
"""No node is asked about an escrow that nobody has paid into."""


@pytest.fixture
def hall(market: Market) -> Market:
    """The market; the operator holds the buyer's identity."""
    account_id = market.people[Role.BUYER].account_id
    with write_transaction():
        AttachedIdentity.objects.create(account_id=account_id, asked_at=now())
    return market


@pytest.fixture
def homes(hall: Market, tmp_path: Path) -> Homes:
    """What attach processes share."""
    made = Homes(tmp_path, Network.REGTEST)
    person = hall.people[Role.BUYER]
    create_home(
        tmp_path / "identities" / str(person.account_id),
        network=Network.REGTEST,
        key_file=tmp_path / "key",
        identity=person.identity,
    ).journal.close()
    return made


Look = Callable[[Deal], None]


@pytest.fixture
def look(hall: Market, homes: Homes) -> Iterator[Look]:
    """An attach process looks at the buyer's side of an escrow once."""
    account_id = hall.people[Role.BUYER].account_id
    heartbeat, network = Heartbeat(), Network.REGTEST
    node = Node(NOWHERE, None, None)
    endpoints = Endpoints(
        homes.endpoints, network=network, node=node, heartbeat=heartbeat, onion_proxy=None
    )
    client = Monerod(NOWHERE, None)
    without = Limits(escrow_amount=None, total_volume=None, concurrent_escrows=None)
    shop = Workshop(homes, endpoints, heartbeat, client, network, without, Pace())

    def look_at(deal: Deal) -> None:
        key = keys.attached_key(deal.escrow_id, Role.BUYER)
        queue.wake(key, at=now(), pool=keys.ATTACH)
        with homes.escrow(account_id, deal.escrow_id, Role.BUYER) as opened:
            # The kit says the buyer's words: a restored home takes such for its own.
            opened.journal.set_setting(RESTORED_AT, now().isoformat())
        lease = queue.seize(key, at=now())
        assert lease is not None
        work_on(shop)(lease)
        queue.finish(lease, again_at=None)

    yield look_at
    client.close()


_messages = Mailbox.messages


def _with_a_forged_end(self: Mailbox, escrow_id: str, *, after: int) -> list[Forwarded]:
    *rest, last = _messages(self, escrow_id, after=after)
    return [*rest, replace(last, text=last.text[:-6] + "AAAAAA")]


def test_a_party_sees_that_its_attached_agent_has_stopped_until_it_lets_it_go_on(
    hall: Market, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while the last words are read otherwise than they were said."""
    deal = hall.attested_deal()
    client, where = browser(Account.objects.get(name="buyer")), f"/escrows/{deal.escrow_id}"

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "messages", _with_a_forged_end)
        look(deal)

    code = code_of_freeze(deal.escrow_id, Role.BUYER)
    assert code == "signature_invalid"
    for page in (where, "/account/agent"):
        assert code in client.get(page).text
    for page in (where, "/escrows"):
        assert "Your agent has stopped. Find out why before you go on." in client.get(page).text
    assert f"{where}/decide/resume" in client.get(where).text
    others = browser(Account.objects.get(name="vendor"))
    assert code not in others.get(where).text

    path = f"/api/escrow/{deal.escrow_id}/decisions"
    assert hall.people[Role.BUYER].api.post(path, {"decision": "resume"}).status == 202
    look(deal)

    assert not AttachedFreeze.objects.exists()
    assert "Your agent has stopped" not in client.get(where).text
