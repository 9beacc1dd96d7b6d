"""Stories about keys that change under running nodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models import BinaryField

from tests.contract.kit import Market
from tripartite.coordinator.keyring import (
    Keyring,
    KeyringUnusable,
    SealedUnderUnknownKey,
    key_id,
    keyring,
    prepare_keyring,
)
from tripartite.coordinator.notify.credentials import open_channel
from tripartite.coordinator.notify.models import Channel
from tripartite.coordinator.rotating import SEALED, add_key, list_keys, rotate
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.credentials import (
    Credentials,
    credentials_of,
    mapping_spot,
)
from tripartite.coordinator.wallets.models import WalletMapping
from tripartite.coordinator.wallets.rpc_url import read_rpc_url
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "keyring"
    before = settings.COORDINATOR
    settings.COORDINATOR = replace(before, keyring_file=path)
    yield path
    settings.COORDINATOR = before


def mapping(market: Market, number: int) -> WalletMapping:
    deal = market.proposed_deal()
    name = f"{number:032x}"
    credentials = Credentials(
        read_rpc_url("http://127.0.0.1:18083"), "alice", Secret(f"login-{number}")
    )
    return WalletMapping.objects.create(
        id=name,
        escrow_id=deal.escrow_id,
        role=Role.BUYER.value,
        user_id=market.people[Role.BUYER].account_id,
        endpoint=credentials.place.endpoint,
        credentials=keyring().seal(credentials.to_text(), mapping_spot(name)),
        wallet_id=name,
        wallet_address="4",
        registered_at=now(),
    )


def test_after_a_rotation_everything_is_sealed_under_the_new_key(
    ring: Path, market: Market
) -> None:
    rows = [mapping(market, number) for number in range(3)]
    old = key_id(bytes(rows[0].credentials))

    done = rotate(ring)

    assert (done.sealed_anew, done.dropped) == (3, ())
    for number, row in enumerate(WalletMapping.objects.order_by("id")):
        assert key_id(bytes(row.credentials)) == done.current != old
        assert credentials_of(row).password.reveal() == f"login-{number}"
    assert [(one.id, one.current, one.rows) for one in list_keys(ring)] == [
        (old, False, 0),
        (done.current, True, 3),
    ]
    assert rotate(ring).dropped == (old,), "one rotation later nobody can need it any more"


def test_channels_of_notifications_are_sealed_anew_too(ring: Path, market: Market) -> None:
    vendor = market.people[Role.VENDOR]
    urls = [f"https://news.example/{number}" for number in range(3)]
    for url in urls:
        vendor.api.post("/api/notifications", {"kind": "webhook", "url": url})
    removed = Channel.objects.order_by("pk")[0].pk
    assert vendor.api.delete(f"/api/notifications/{removed}").status == 204

    done = rotate(ring)

    assert done.sealed_anew == 2
    kept = Channel.objects.exclude(pk=removed).order_by("pk")
    assert {key_id(bytes(row.sealed)) for row in kept} == {done.current}
    assert [open_channel(row).address.reveal() for row in kept] == urls[1:]


def test_a_rotation_leaves_no_sealed_column_out() -> None:
    """All that our own tables hold as bytes is sealed."""
    columns = {
        (model, field.column)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, BinaryField) and model.__module__.startswith("tripartite.")
    }

    assert columns == set(SEALED)


def test_a_key_is_copied_to_all_nodes_before_it_seals(ring: Path, market: Market) -> None:
    row = mapping(market, 1)
    new = add_key(ring)
    assert key_id(bytes(mapping(market, 2).credentials)) == key_id(bytes(row.credentials)) != new

    assert rotate(ring).current == new


def test_nodes_read_and_write_all_the_time_while_keys_rotate(ring: Path, market: Market) -> None:
    """A reader opens every row over and over, a writer adds rows; neither ever fails."""
    rows = [mapping(market, number) for number in range(3)]
    deals = [market.proposed_deal() for _ in range(20)]
    template = rows[0]
    over = threading.Event()
    opened: list[str] = []
    written: list[str] = []

    def read() -> None:
        while not over.is_set():
            opened.extend(
                credentials_of(row).password.reveal() for row in WalletMapping.objects.all()
            )

    def write() -> None:
        for number, deal in enumerate(deals, start=100):
            name = f"{number:032x}"
            text = Credentials(
                read_rpc_url("http://127.0.0.1:18083"), "a", Secret("late")
            ).to_text()
            WalletMapping.objects.create(
                id=name,
                escrow_id=deal.escrow_id,
                role="buyer",
                user_id=template.user_id,
                endpoint="x",
                credentials=keyring().seal(text, mapping_spot(name)),
                wallet_id=name,
                wallet_address="4",
                registered_at=now(),
            )
            written.append(name)

    with in_threads(read, write) as failures:
        for _ in range(4):
            before = len(written)
            rotate(ring)
            # A key goes with the rotation after the next: nobody takes so long to store a row.
            while not failures and len(written) in range(before, min(before + 1, len(deals))):
                over.wait(0.01)
        over.set()
    assert failures == []
    done = rotate(ring)
    assert {key_id(bytes(row.credentials)) for row in WalletMapping.objects.all()} == {done.current}
    assert {credentials_of(row).password.reveal() for row in WalletMapping.objects.all()} == {
        "login-0", "login-1", "login-2", "late",
    }  # fmt: skip
    assert opened


@contextmanager
def in_threads(*works: object) -> Iterator[list[BaseException]]:
    """Run them beside the block; what they raised."""
    failures: list[BaseException] = []

    def run(work: object) -> None:
        try:
            work()  # type: ignore[operator]  # callables, for short
        except BaseException as error:  # noqa: BLE001 — the test looks at it
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    yield failures
    for thread in threads:
        thread.join(timeout=60)


def test_a_node_without_the_new_key_says_what_to_copy(ring: Path, tmp_path: Path) -> None:
    prepare_keyring(ring)
    prepare_keyring(tmp_path / "other")
    spot = mapping_spot("1")
    sealed = Keyring(ring).seal(Secret("x"), spot)

    with pytest.raises(SealedUnderUnknownKey, match="Copy the keyring"):
        Keyring(tmp_path / "other").open(sealed, spot)


def test_a_keyring_that_others_can_read_is_refused(ring: Path) -> None:
    prepare_keyring(ring)
    ring.chmod(0o644)

    with pytest.raises(KeyringUnusable, match="chmod 600"):
        Keyring(ring).keys()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 1, "current": "x", "keys": ["eA=="]}'])
def test_a_damaged_keyring_is_refused(ring: Path, content: str) -> None:
    ring.write_text(content)
    ring.chmod(0o600)

    with pytest.raises(KeyringUnusable):
        Keyring(ring).keys()
