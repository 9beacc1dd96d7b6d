"""Stories about news that reach people, and nobody's neighbours."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from standardwebhooks import Webhook

from tests.contract.clock import Clock
from tests.contract.kit import Answer, Market, Person
from tests.contract.watchkeeping import Watch
from tripartite.coordinator.keyring import (
    SealedRowMoved,
    prepare_keyring,
    read_keys,
    write_keys,
)
from tripartite.coordinator.notify.addresses import (
    AddressPrivate,
    ChannelUnsuitable,
    checked_address,
    is_public,
    read_webhook,
)
from tripartite.coordinator.notify.credentials import (
    ChannelsOfAnotherKey,
    Opened,
    open_channel,
)
from tripartite.coordinator.notify.delivering import deliver, follow_log
from tripartite.coordinator.notify.keys import DELIVER, NOTIFY
from tripartite.coordinator.notify.models import Channel, Delivery
from tripartite.coordinator.notify.sending import NewsNotTaken, send_messenger, send_webhook
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

URL = "https://news.example/tripartite?k=1"


class Receiver:
    """Takes what is sent, or fails as often as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[Opened, str, str, datetime]] = []
        self.failures = 0

    def __call__(self, opened: Opened, message_id: str, body: str, at: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise NewsNotTaken("Later.", result="http_503")
        self.taken.append((opened, message_id, body, at))

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["payload"]["type"] for _, _, body, _ in self.taken]


@pytest.fixture
def watch(market: Market, clock: Clock) -> Watch:
    return Watch(market, clock)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def open_channel_of(person: Person, *, kind: str = "webhook", url: str = URL) -> Any:  # noqa: ANN401 — JSON of the API
    answer = person.api.post("/api/notifications", {"kind": kind, "url": url})
    assert answer.status == 201, answer.body
    return answer.body


def carry(receiver: Receiver) -> None:
    """Follow the log and send everything that is due."""
    with write_transaction():
        wake(NOTIFY, at=now())
    runner = Runner(
        {
            NOTIFY: follow_log(),
            DELIVER: deliver({"webhook": receiver, "apprise": receiver}),
        }
    )
    while runner.step():
        pass


def test_each_hears_what_concerns_them_once_and_from_then_on(
    watch: Watch, receiver: Receiver
) -> None:
    deal = watch.releasing_deal()
    vendor, admin = watch.market.people[Role.VENDOR], watch.admin
    watch.clock.advance(hours=0.1)
    open_channel_of(vendor)
    open_channel_of(admin, kind="apprise", url="ntfys://ntfy.example/escrows")
    carry(receiver)
    assert receiver.taken == [], "what was before the channel isn't told"

    watch.pass_hours(6)
    carry(receiver)
    carry(receiver)

    assert receiver.types == ["TransactionStuck"]
    payload = json.loads(receiver.taken[0][2])["payload"]
    assert payload["data"]["escrow_id"] == deal.escrow_id
    assert payload["data"]["stage"] == 1
    watch.pass_hours(42)
    carry(receiver)
    assert sorted(receiver.types[1:]) == ["ManualRecoveryRequired", "TransactionStuck"]


def test_no_amount_address_or_key_leaves_in_a_notification(
    watch: Watch, receiver: Receiver
) -> None:
    for person in (*watch.market.people.values(), watch.admin):
        open_channel_of(person)
    deal = watch.market.broadcast_deal()
    watch.pass_hours(0)
    watch.pass_hours(60)
    carry(receiver)

    said = "".join(body for _, _, body, _ in receiver.taken)
    assert "ManualRecoveryRequired" in said
    assert deal.record is not None
    secrets = [str(deal.amount), deal.record.address, *deal.record.broadcasts]
    secrets += [one for party in deal.record.parties.values() for one in (party.sign, party.seal)]
    assert [one for one in secrets if str(one) in said] == []


def test_news_that_is_not_taken_is_tried_again_ever_more_seldom(
    watch: Watch, receiver: Receiver
) -> None:
    vendor = watch.market.people[Role.VENDOR]
    number = open_channel_of(vendor)["id"]
    watch.releasing_deal()
    watch.pass_hours(6)
    receiver.failures = 3
    Delivery.objects.all().delete()
    carry(receiver)
    Delivery.objects.exclude(body__contains="TransactionStuck").delete()
    for _ in range(3):
        watch.clock.advance(hours=0.2)
        carry(receiver)

    path = f"/api/notifications/{number}/deliveries"
    (shown,) = vendor.api.get(path).body["deliveries"]
    assert shown["state"] == "sent"
    assert [one["result"] for one in shown["attempts"]][-1] == "sent"
    assert watch.market.people[Role.BUYER].api.get(path).status == 404


def test_news_that_is_never_taken_is_given_up_and_can_be_replayed(
    watch: Watch, receiver: Receiver
) -> None:
    vendor = watch.market.people[Role.VENDOR]
    number = open_channel_of(vendor)["id"]
    queued = vendor.api.post(f"/api/notifications/{number}/test", {}).body["delivery_id"]
    receiver.failures = 100
    for _ in range(30):
        carry(receiver)
        watch.clock.advance(hours=15)
    row = Delivery.objects.get(pk=queued)
    assert (row.state, row.attempts.count()) == ("failed", 9)
    receiver.failures = 0

    replay = f"/api/notifications/deliveries/{queued}/replay"
    assert watch.market.people[Role.BUYER].api.post(replay, {}).status == 404
    assert vendor.api.post(replay, {}).status == 202
    carry(receiver)

    assert receiver.types == ["Test"]
    assert Delivery.objects.get(pk=queued).state == "sent"


def test_a_removed_channel_hears_nothing_and_its_address_is_forgotten(
    watch: Watch, receiver: Receiver
) -> None:
    vendor = watch.market.people[Role.VENDOR]
    number = open_channel_of(vendor)["id"]
    assert vendor.api.delete(f"/api/notifications/{number}").status == 204

    watch.releasing_deal()
    watch.pass_hours(6)
    carry(receiver)

    assert receiver.taken == []
    assert bytes(Channel.objects.get().sealed) == b""
    assert vendor.api.get("/api/notifications").body == {"channels": []}


def test_addresses_are_sealed_and_shown_to_nobody(market: Market, receiver: Receiver) -> None:
    vendor = market.people[Role.VENDOR]
    opened = open_channel_of(vendor, kind="apprise", url="tgram://123:secret/456")

    assert opened["secret"] is None
    row = Channel.objects.get()
    assert "secret" not in row.shown
    assert b"secret" not in bytes(row.sealed)
    assert vendor.api.get("/api/notifications").body["channels"][0]["shown"] == "tgram://…"
    assert settings.COORDINATOR.keyring_file.stat().st_mode & 0o077 == 0
    assert open_channel(row).address.reveal() == "tgram://123:secret/456"


def test_an_address_moved_to_another_channel_is_not_used(
    market: Market, receiver: Receiver
) -> None:
    vendor = market.people[Role.VENDOR]
    first, second = (open_channel_of(vendor)["id"] for _ in range(2))
    Channel.objects.filter(pk=second).update(sealed=Channel.objects.get(pk=first).sealed)

    queued = vendor.api.post(f"/api/notifications/{second}/test", {}).body["delivery_id"]
    carry(receiver)

    assert receiver.taken == []
    row = Delivery.objects.get(pk=queued)
    assert (row.state, row.attempts.get().result) == ("failed", SealedRowMoved.code)


def test_news_waits_for_a_keyring_that_was_not_copied_to_this_node(
    market: Market, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    vendor = market.people[Role.VENDOR]
    number = open_channel_of(vendor)["id"]
    queued = vendor.api.post(f"/api/notifications/{number}/test", {}).body["delivery_id"]
    ring = settings.COORDINATOR.keyring_file
    keys = read_keys(ring)
    prepare_keyring(tmp_path / "other")
    write_keys(ring, read_keys(tmp_path / "other"))
    carry(receiver)
    row = Delivery.objects.get(pk=queued)
    assert (row.state, row.attempts.get().result) == ("pending", "sealed_under_unknown_key")

    write_keys(ring, keys)
    clock.advance(hours=0.1)
    carry(receiver)

    assert receiver.types == ["Test"]


def test_channels_sealed_by_an_earlier_version_stop_the_migration_with_advice(
    market: Market,
) -> None:
    """Their key isn't the keyring's: nobody must find out by news that never comes."""
    open_channel_of(market.people[Role.VENDOR])
    call_command("migrate", "notify", "0003", verbosity=0)
    with connection.cursor() as sql:
        sql.execute("UPDATE notify_channel SET sealed = '{}'")

    with pytest.raises(ChannelsOfAnotherKey, match="removed_at"):
        call_command("migrate", "notify", verbosity=0)

    with connection.cursor() as sql:
        sql.execute("UPDATE notify_channel SET sealed = '', removed_at = created_at")
    call_command("migrate", "notify", verbosity=0)
    assert Channel.objects.get().removed_at is not None


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("webhook", "http://news.example/"),
        ("webhook", "https://user:pass@news.example/"),
        ("webhook", "https://news.example:no/"),
        ("webhook", "ftp://news.example/"),
        ("apprise", "json://localhost/"),
        ("apprise", "ntfy://localhost/"),
        ("apprise", "exec://reboot"),
        ("apprise", "nothing"),
    ],
)
def test_only_addresses_with_tls_and_a_known_service_are_taken(
    market: Market, kind: str, url: str
) -> None:
    answer: Answer = market.people[Role.BUYER].api.post(
        "/api/notifications", {"kind": kind, "url": url}
    )

    assert (answer.status, answer.body["code"]) == (422, "channel_unsuitable")


def test_an_account_has_ten_channels_at_most(market: Market) -> None:
    buyer = market.people[Role.BUYER]
    for _ in range(10):
        open_channel_of(buyer)

    answer = buyer.api.post("/api/notifications", {"kind": "webhook", "url": URL})

    assert (answer.status, answer.body["code"]) == (409, "too_many_channels")


# ── where it may go ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1",  # noqa: S104 — refused
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_private_addresses_in_every_dress_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(address)


def test_a_name_that_leads_home_is_refused_unless_the_operator_allows_it() -> None:
    with pytest.raises(AddressPrivate):
        checked_address("localhost", 443, allowed=())
    with pytest.raises(AddressPrivate):
        checked_address("127.1", 443, allowed=())

    assert ip_address(checked_address("localhost", 443, allowed=("localhost:443",))).is_loopback


def test_what_is_no_https_address_is_refused() -> None:
    with pytest.raises(ChannelUnsuitable):
        read_webhook("https:///nowhere")


# ── a real server ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for ``localhost``, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class Heard(http.server.ThreadingHTTPServer):
    """An https server that keeps what was posted."""

    requests: list[tuple[str, dict[str, str], bytes]]
    status = 204


class Handler(http.server.BaseHTTPRequestHandler):
    server: Heard

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "https://localhost/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def heard(certificate: Path) -> Iterator[Heard]:
    with Heard(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


SECRET = "whsec_" + "QUFB" * 11
BODY = json.dumps({"payload": {"type": "Test", "data": {}}, "title": "t", "text": "x"})


def sender(server: Heard, certificate: Path) -> Callable[[], None]:
    port = server.server_address[1]
    opened = Opened(Secret(f"https://localhost:{port}/hook?k=1"), Secret(SECRET))
    return partial(
        send_webhook,
        opened,
        "msg_1_1",
        BODY,
        datetime.now(UTC),
        allowed=(f"localhost:{port}",),
        context=ssl.create_default_context(cafile=str(certificate)),
    )


def test_a_webhook_is_signed_as_its_specification_says(heard: Heard, certificate: Path) -> None:
    sender(heard, certificate)()

    ((path, headers, body),) = heard.requests
    assert path == "/hook?k=1"
    assert Webhook(SECRET).verify(body, headers) == {"type": "Test", "data": {}}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_only_a_status_of_success_counts_and_redirects_lead_nowhere(
    heard: Heard, certificate: Path, status: int
) -> None:
    heard.status = status

    with pytest.raises(NewsNotTaken) as caught:
        sender(heard, certificate)()

    assert caught.value.facts["result"] == f"http_{status}"
    assert len(heard.requests) == 1


def test_a_certificate_of_somebody_else_ends_it_before_anything_is_said(heard: Heard) -> None:
    port = heard.server_address[1]
    opened = Opened(Secret(f"https://localhost:{port}/"), Secret(SECRET))

    with pytest.raises(NewsNotTaken):
        send_webhook(opened, "msg_1_1", BODY, datetime.now(UTC), allowed=(f"localhost:{port}",))

    assert heard.requests == []


def test_a_messenger_cannot_be_led_to_a_private_address(heard: Heard) -> None:
    """Apprise opens its own connections; the socket refuses."""
    port = heard.server_address[1]
    opened = Opened(Secret(f"ntfys://localhost:{port}/topic"), Secret(""))

    with pytest.raises(NewsNotTaken) as caught:
        send_messenger(opened, "", BODY, datetime.now(UTC), allowed=())

    assert caught.value.facts["result"] == "address_private"
    assert heard.requests == []


def test_a_messenger_reaches_a_server_that_the_operator_allows(
    heard: Heard, certificate: Path
) -> None:
    heard.status = 200  # what ntfy answers
    port = heard.server_address[1]
    request = {
        "url": f"ntfys://localhost:{port}/topic",
        "title": "Escrow",
        "text": "moves again",
        "allowed": [f"localhost:{port}"],
    }

    done = subprocess.run(
        [sys.executable, "-m", "tripartite.coordinator.notify.messenger"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "REQUESTS_CA_BUNDLE": str(certificate)},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    ((_, _, body),) = heard.requests
    assert b"moves again" in body


def test_a_port_where_nobody_listens_is_only_a_failed_try() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    opened = Opened(Secret(f"https://localhost:{port}/"), Secret(SECRET))

    with pytest.raises(NewsNotTaken) as caught:
        send_webhook(opened, "msg_1_1", BODY, datetime.now(UTC), allowed=(f"localhost:{port}",))

    assert caught.value.facts["result"] == "ConnectionRefusedError"
