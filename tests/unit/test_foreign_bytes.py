"""Whoever reads what others wrote returns a value or refuses with an error of ours, whatever came.

``READERS`` lists them by module. A module that takes text or bytes apart and is neither there nor
in ``OWN`` fails the first test, so a new reader can't be forgotten.
"""

from __future__ import annotations

import ast
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import httpx2
import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.unit.coordinator.conftest  # noqa: F401 — sets Django up for what is imported below
from tests.budget import budget
from tests.unit.protocol.trade import ADDRESSES, DEPOSIT_ADDRESS, Trade, terms
from tripartite.agent import arguing, coordinator_client, event_stream, panels
from tripartite.agent.offline import bundles, kit
from tripartite.agent.page import forms, typed
from tripartite.coordinator import configuration, settings_table
from tripartite.coordinator.doctor import neighbours
from tripartite.coordinator.events import gateway
from tripartite.coordinator.notify import addresses as notify_addresses
from tripartite.coordinator.ops import http
from tripartite.coordinator.ops.backup import making
from tripartite.coordinator.ops.metrics.facts import BACKUP_MARK
from tripartite.coordinator.pages import listening
from tripartite.coordinator.wallets import rpc_url, words
from tripartite.domain import addresses, money
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Network, Role
from tripartite.domain.percentages import parse_percent
from tripartite.domain.secrets import Secret
from tripartite.monero import errors, monerod, transport, versions, wallet_results, wallet_rpc
from tripartite.monero.answers import Answer
from tripartite.protocol import (
    agreement,
    archive,
    bodies,
    canonical,
    envelope,
    identity,
    pairing,
    sealing,
    signing,
    vote,
)
from tripartite.protocol.admission import open_record
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind
from tripartite.protocol.identity import Identity

SOURCES = Path(__file__).resolve().parents[2] / "src/tripartite"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ME = Identity.generate()
QUESTION: Final[Mapping[str, Json]] = {"panel": 1}

# --- What may come -----------------------------------------------------------------------------

letters = st.characters()  # lone surrogates too: JSON can carry them
texts = st.text(letters, max_size=40) | st.sampled_from(
    [
        "",
        "0",
        "-1",
        "²",
        "٣",
        "1" * 5_000,
        "[" * 5_000,
        "\x00",
        "\ud800",
        "é",
        "https://[",
        "~nobody",
    ]
)
numbers = st.integers() | st.sampled_from([0, -1, 2**31, 2**53, 2**63, 2**64, 10**40])
plain = st.none() | st.booleans() | numbers | st.floats() | texts
anything: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def _places(value: object) -> Iterator[tuple[Any, Any]]:
    """Each holder and key below ``value``."""
    inner: Sequence[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, one in inner:
        yield value, key
        yield from _places(one)


@st.composite
def bent(draw: st.DrawFn, value: object) -> Any:  # noqa: ANN401 — any JSON
    """``value`` with a few things in it replaced, left out or added."""
    whole = [deepcopy(value)]
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(whole))))
        deed = draw(st.sampled_from(["tear", "tear", "replace", "drop", "add"]))
        if deed == "tear" and isinstance(holder[key], str):
            holder[key] = draw(torn(holder[key]))
        elif deed in {"tear", "replace"}:
            holder[key] = draw(anything)
        elif deed == "drop" and isinstance(holder, dict):
            del holder[key]
        elif isinstance(holder[key], dict):
            holder[key][draw(texts)] = draw(anything)
    return whole[0] if whole else None


@st.composite
def torn(draw: st.DrawFn, text: str) -> str:
    """``text`` with a piece of it replaced by something else."""
    begin, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return text[:begin] + draw(texts) + text[end:]


@st.composite
def torn_jws(draw: st.DrawFn, text: str) -> str:
    """A signed text with one of its three parts torn."""
    parts = text.split(".")
    at = draw(st.integers(0, len(parts) - 1))
    parts[at] = draw(torn(parts[at]))
    return ".".join(parts)


def written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """As JSON; what JSON can't spell is left out."""
    return values.map(json.dumps) | texts


def encoded(values: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return values.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)


# --- What is right, to be bent -----------------------------------------------------------------


@cache
def trade() -> Trade:
    """An escrow with one message of most kinds on record."""
    made = Trade()
    made.agree()
    made.key()
    made.fund()
    made.say(Role.BUYER, Kind.RELEASE)
    made.pay()
    return made


def said(kind: Kind) -> envelope.Message:
    return next(one.message for one in trade().log if one.message.kind is kind)


PROPOSAL = said(Kind.PROPOSE)
DESCRIPTION = {
    "summary": {"amount_in": 2, "amount_out": 1, "fee": 1, "change_amount": 0,
                "recipients": [{"address": DEPOSIT_ADDRESS, "amount": 1}]},
    "desc": [{"amount_in": 2, "amount_out": 1, "fee": 1, "unlock_time": 0, "change_amount": 0,
              "dummy_outputs": 1, "ring_size": 16, "payment_id": "", "extra": "01",
              "recipients": [{"address": DEPOSIT_ADDRESS, "amount": 1}]}],
}  # fmt: skip
INDEX = {"major": 0, "minor": 0}
TRANSFER = {"txid": "ab", "type": "in", "height": 1, "amount": 1, "amounts": [1], "unlock_time": 0,
            "locked": False, "subaddr_index": INDEX}  # fmt: skip
OUTPUT = {"tx_hash": "ab", "amount": 1, "spent": False, "unlocked": True, "block_height": 1,
          "global_index": 1, "subaddr_index": INDEX}  # fmt: skip
HEADER = {"height": 1, "hash": "ab", "prev_hash": "ab", "timestamp": 1, "orphan_status": False}
TX = {
    "in_pool": False,
    "block_height": 1,
    "tx_hash": "ab",
    "as_json": '{"vin": [{"key": {"k_image": "1e"}}]}',
}
EVENT = {"cursor": 1, "type": "MessageRelayed", "escrow_id": "5e" * 16,
         "data": {"position": 1, "envelope": "x", "action_id": 2}}  # fmt: skip
PART = {
    "name": "a.txt",
    "type": "text/plain",
    "sha256": "ab" * 32,
    "part": 1,
    "parts": 1,
    "data": "YQ==",
}
BUNDLE = {"tripartite": "record", "version": 1, "escrow_id": "5e" * 16, "from": "buyer",
          "carried": 1, "messages": ["x", "y"]}  # fmt: skip
MANIFEST = {"format": 1, "kind": "kit", "about": {}, "files": {"a": {"bytes": 1, "sha256": "ab"}}}
AGE = pyrage.x25519.Identity.generate()
KIT_OWN = {"names": {"buyer": "b"}, "part": {"address": "4", "subject": None, "salt": "00"},
           "said": [{"text": "x", "position": 1, "refusal": None}],
           "payouts": [{"attempt": 1, "txid": "ab", "fee": "1", "txset": "00", "tx": "00"}]}  # fmt: skip
PANEL = {"panel": 1, "question": '{"panel":1}', "recommendation": None}


def message(kind: Kind, body: Mapping[str, Json]) -> envelope.Message:
    """A message that says ``body``, whatever it is."""
    return envelope.Message(
        escrow_id=PROPOSAL.escrow_id, contract_id=None, attempt=0, round=0, role=Role.BUYER,
        kind=kind, seq=1, prev=None, body=body, text="", digest="",
    )  # fmt: skip


def a_signed(payload: object, typ: str = envelope.TYP) -> str:
    """Signed by somebody who can; "" where there is no canonical form to sign."""
    try:
        return signing.sign(ME, cast("Mapping[str, Json]", payload), typ=typ)
    except (canonical.NotCanonical, TypeError, AttributeError):
        return ""


def payload_of(text: str) -> Mapping[str, Json]:
    return canonical.parse(identity.unbase64url(text.split(".")[1]))


# --- Who reads ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """Somebody who reads what others wrote, and things to read."""

    name: str
    read: Callable[[Any], object]
    given: st.SearchStrategy[Any]
    refuses: type[Exception] = TripartiteError
    fell: Sequence[Any] = ()
    """What it once fell over, so that chance needn't find it again."""


def json_reader(
    name: str, read: Callable[[Any], object], right: object, *, fell: Sequence[Any] = ()
) -> Reader:
    return Reader(name, read, bent(right) | anything, fell=fell)


def text_reader(name: str, read: Callable[[str], object], *right: str) -> Reader:
    return Reader(name, read, st.one_of(*(torn(one) for one in right), texts))


class _Answering:
    """A daemon's channel that answers with whatever it is given."""

    def __init__(self, value: object) -> None:
        self._value = value

    def call(self, method: str, _params: object, *, heavy: bool = False) -> Answer:
        return Answer.of(method, self._value)

    def post(self, path: str, _body: object, *, method: str = "", heavy: bool = False) -> Answer:
        return Answer.of(path, self._value)


def every_answer(client: Any, calls: Sequence[Callable[[Any], object]]) -> Callable[[object], None]:  # noqa: ANN401 — either daemon's client
    def read(value: object) -> None:
        client._channel = _Answering(value)
        for call in calls:
            with suppress(TripartiteError):
                call(client)

    return read


NODE_CALLS: Sequence[Callable[[monerod.Monerod], object]] = [
    lambda node: node.get_info(),
    lambda node: node.get_version(),
    lambda node: node.get_last_block_header(),
    lambda node: node.get_fee_estimate(),
    lambda node: node.get_transactions(["ab"]),
    lambda node: node.is_key_image_spent(["ab"]),
    lambda node: node.get_pool(),
    lambda node: node.send_raw_transaction("00"),
]
NODE_ANSWER = {
    "status": "OK", "nettype": "mainnet", "height": 1, "target_height": 1, "top_block_hash": "ab",
    "synchronized": True, "offline": False, "tx_pool_size": 0, "version": 1, "count": 1,
    "block_header": HEADER, "fee": 1, "fees": [1], "txs": [TX], "spent_status": [0],
    "tx_hashes": ["ab"], "missed_tx": [],
}  # fmt: skip
WALLET_CALLS: Sequence[Callable[[wallet_rpc.WalletRpc], object]] = [
    lambda wallet: wallet.get_version(),
    lambda wallet: wallet.get_address(),
    lambda wallet: wallet.get_height(),
    lambda wallet: wallet.refresh(),
    lambda wallet: wallet.is_multisig(),
    lambda wallet: wallet.get_balance(),
    lambda wallet: wallet.get_transfers(),
    lambda wallet: wallet.incoming_transfers(),
    lambda wallet: wallet.describe_transfer("00"),
    lambda wallet: wallet.validate_address("4"),
]
WALLET_ANSWER = {
    "version": 65_561, "address": "4", "height": 1, "blocks_fetched": 1, "received_money": False,
    "multisig": True, "ready": True, "threshold": 2, "total": 3, "balance": 1, "valid": True,
    "unlocked_balance": 1, "in": [TRANSFER], "transfers": [OUTPUT], **DESCRIPTION,
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Raw(httpx2.SyncByteStream):
    """A body as it comes over the wire: not yet unpacked."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


class Wire(httpx2.BaseTransport):
    """Answers every request with the same; clients are slow to make, so one serves all."""

    def __init__(self) -> None:
        self.answer = Said(200, {}, b"")

    def handle_request(self, _: httpx2.Request) -> httpx2.Response:
        answer = self.answer
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Raw(answer.content))


def answers(contents: st.SearchStrategy[str]) -> st.SearchStrategy[Said]:
    return st.builds(
        Said,
        st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 409, 500, 503]),
        st.sampled_from([{}, {}, {"content-encoding": "gzip"}, {"content-type": "x; charset=x"}]),
        encoded(contents),
    )


WIRE = Wire()
CHANNEL = transport.Channel("http://127.0.0.1:1", None, methods=frozenset({"get_info"}))
CHANNEL._client = httpx2.Client(transport=WIRE)
CLIENT = coordinator_client.CoordinatorClient(
    coordinator_client.Origin("https://escrow.example"), Secret("x"), transport=WIRE
)


def daemon_says(answer: Said) -> None:
    """A daemon's HTTP answer."""
    WIRE.answer = answer
    CHANNEL.call("get_info", {})


COORDINATOR_CALLS: Sequence[Callable[[coordinator_client.CoordinatorClient], object]] = [
    lambda one: one.propose("x"),
    lambda one: one.post("5e" * 16, "x"),
    lambda one: one.messages("5e" * 16, after=0),
    lambda one: one.names("5e" * 16),
    lambda one: event_stream.read_events(one.events(after=0).events),
    lambda one: [panels._read(panel) for panel in one.panels()],
    lambda one: one.vote(1, "x"),
    lambda one: one.own_account(),
    lambda one: one.identity_of("vendor"),
    lambda one: one.pair("card"),
    lambda one: one.network(),
]
COORDINATOR_ANSWER = {
    "position": 1, "state": "keying", "messages": [{"position": 1, "envelope": "x"}], "next": None,
    "parties": {role.value: {"account": role.value} for role in Role}, "events": [EVENT],
    "cursor": 1, "panels": [PANEL], "account": "buyer", "identity": ME.public.to_json(),
    "fingerprint": "x", "network": "regtest",
}  # fmt: skip


def coordinator_says(answer: Said) -> None:
    """Everything an agent asks, answered with the same."""
    WIRE.answer = answer
    for call in COORDINATOR_CALLS:
        with suppress(TripartiteError):
            call(CLIENT)


def frames_say(frames: list[str | bytes]) -> None:
    """What comes through an agent's WebSocket."""

    class Connection:
        def recv(self, timeout: float | None = None) -> str | bytes:
            if not frames:
                raise TimeoutError
            return frames.pop(0)

    if frames:
        batch = event_stream.read_events(event_stream._frames(cast("Any", Connection())))
        # The journal keeps them; SQLite takes no larger number and no half a character.
        for one in batch.messages:
            one.escrow_id.encode()
            assert -(2**63) <= one.position < 2**63


def tar_of(**files: bytes) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w|") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return plain.getvalue()


def archive_holds(plain: bytes) -> None:
    """Anybody who knows a recipient can encrypt anything to it."""
    with TemporaryDirectory() as place:
        made = Path(place) / "kit.age"
        made.write_bytes(pyrage.encrypt(plain, [AGE.to_public()]))
        archive.read_archive(made, archive.Key(Secret(str(AGE))))


def backup_says(manifest: bytes) -> None:
    """A backup whose manifest says anything: whoever knows a recipient can make one."""
    with TemporaryDirectory() as place:
        made, into = Path(place) / "backup.age", Path(place) / "into"
        into.mkdir()
        plain = tar_of(**{"manifest.json": manifest})
        made.write_bytes(pyrage.encrypt(plain, [AGE.to_public()]))
        about = archive.unpack_archive(made, archive.Key(Secret(str(AGE))), into, kind=making.KIND)
        making.read_about(about)


def mark_says(text: bytes) -> None:
    """The mark that backup programs of the operator's write, too."""
    with TemporaryDirectory() as place:
        (Path(place) / BACKUP_MARK).write_bytes(text)
        making.last_proved(Path(place))


def bodies_say(body: object) -> None:
    """Every reader of bodies, of a body that needn't be of its kind."""
    if not isinstance(body, dict):
        return
    for kind in Kind:
        one = message(kind, body)
        for read in (
            bodies.read_proposal, bodies.read_nothing, bodies.read_reason, bodies.read_sealed,
            bodies.read_attestation, bodies.read_key_images, bodies.read_broadcast,
            bodies.read_offer_accept, bodies.read_ruling, bodies.read_seen,
            lambda one: bodies.read_accept(one, proposal="ab" * 32),
            lambda one: bodies.read_offer(one, terms=terms()),
            lambda one: bodies.read_report(one.body),
            lambda one: bodies.open_sealed(one, "txset", reader=ME),
        ):  # fmt: skip
            with suppress(TripartiteError):
                read(one)


BODIES = [bent(dict(one.message.body)) for one in trade().log if one.message.body]
SPOT: Mapping[str, Json] = {"escrow_id": "5e" * 16}
SEALED = sealing.seal({"text": "x"}, readers=[ME.public], place=SPOT)
CARD = pairing.write_card(ME, account="buyer", coordinator="https://x.example", issued_at=NOW)
VOTE = vote.write_vote(ME, QUESTION, vote.Choice.WAIT)
ENVELOPES = st.one_of(
    [bent(payload_of(one.message.text)).map(a_signed) for one in trade().log[:12]]
) | torn_jws(PROPOSAL.text)
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n--b--\r\n'
SETTINGS = st.dictionaries(
    st.sampled_from([one.variable for one in settings_table.SETTINGS]),
    st.sampled_from(
        [
            "https://a:b",
            "http://[",
            "sqlite://[",
            "postgresql://h:x/n",
            "socks5h://[",
            "~nobody/x",
            "1e999",
            "nan",
            "6,12,24,48",
            "1" * 5_000,
            "²",
            "a:b",
        ]
    )
    | st.text(max_size=20).filter(lambda text: "\x00" not in text),
    max_size=3,
)
ADDRESS = ADDRESSES[Role.BUYER]
SAMPLES = {"data": {"result": [{"metric": {"instance": "a"}, "value": [1, "1"]}]}}
WATCHERS = {"data": {"activeAlertmanagers": [{"url": "http://a"}]}}
BACKUP = {"format": 1, "kind": making.KIND, "about": {"engine": "sqlite"}, "files": {}}

DEEP = b"[" * 100_000

READERS: Mapping[str, Sequence[Reader]] = {
    "agent/arguing.py": [
        json_reader("a part of evidence", arguing.Part.from_json, PART,
                    fell=[{**PART, "data": "é"}]),
        text_reader("the name of a file of evidence", arguing.clean_name, "a.txt"),
        text_reader("a statement", arguing.check_text, "words"),
    ],
    "agent/coordinator_client.py": [
        Reader("the coordinator's answers", coordinator_says,
               answers(written(bent(COORDINATOR_ANSWER) | anything)),
               fell=[Said(200, {}, DEEP), Said(200, {"content-encoding": "gzip"}, b"no gzip")]),
        text_reader("the coordinator's address", coordinator_client.Origin,
                    "https://escrow.example:8443", "http://[::1]:1"),
    ],
    "agent/event_stream.py": [
        Reader("frames of the event stream", frames_say,
               st.lists(written(bent(EVENT) | anything) | st.binary(max_size=40), max_size=3),
               fell=[[DEEP], *[[json.dumps({**EVENT, **odd})] for odd in (
                   {"escrow_id": "\ud800"}, {"data": {"position": -(10**40), "envelope": "x"}})]]),
    ],
    "agent/offline/bundles.py": [
        Reader("a file of a record", bundles.bundle_of, written(bent(BUNDLE) | anything)),
    ],
    "agent/offline/kit.py": [
        json_reader("one's own words in a kit", kit.read_own, KIT_OWN),
        json_reader("the wallet in a kit", kit.read_wallet,
                    {"name": "a", "password": "p", "address": ADDRESS, "attempt": 1}),
    ],
    "agent/page/forms.py": [
        Reader("a form", lambda given: forms.read_form(*given),
               st.tuples(texts | st.sampled_from(["multipart/form-data; boundary=b",
                         "multipart/form-data; boundary*=x''%", "application/x-www-form-urlencoded"]),
                         st.binary(max_size=80) | torn(MULTIPART.decode()).map(
                             lambda text: text.encode("utf-8", "surrogatepass"))),
               ValueError),  # the page answers it itself
        Reader("a query", forms.read_query, torn("a=b&c=%20"), ValueError),
    ],
    "agent/page/typed.py": [
        Reader("a typed proposal", lambda fields: typed.draft_in(forms.Form(fields)),
               bent({"role": "buyer", "other": "vendor", "arbiter": "a", "amount": "1.5",
                     "subject": "x", "network_fee": "payee", "arbiter_fee": "1.5"}).filter(
                         lambda form: isinstance(form, dict)
                         and all(isinstance(one, str) for one in form.values()))),
        text_reader("a typed share", typed.share_in, "1.5"),
    ],
    "agent/panels.py": [json_reader("a question to a panel", panels._read, PANEL,
                                    fell=[{**PANEL, "question": "\ud800"}])],
    "coordinator/setting_values.py": [
        Reader("the settings", configuration.read_configuration, SETTINGS,
               fell=[{"TRIPARTITE_PUBLIC_ORIGIN": "http://["}, {"TRIPARTITE_PORT": "1" * 5_000},
                     {"TRIPARTITE_DATA_DIR": "~nobody/x"},
                     {"TRIPARTITE_DATABASE_URL": "postgresql://host:x/name"}]),
    ],
    "coordinator/events/gateway.py": [
        text_reader("a cursor in a query", gateway.cursor_in, "after=12"),
    ],
    "coordinator/notify/addresses.py": [
        text_reader("the address of a webhook", notify_addresses.read_webhook,
                    "https://news.example:8443/x?y"),
        text_reader("the address of a messenger", notify_addresses.read_messenger, "ntfys://a/b"),
        text_reader("an IP address", notify_addresses.is_public, "64:ff9b::7f00:1", "127.0.0.1",
                    "2002:7f00:1::", "fe80::1%lo"),
    ],
    "coordinator/doctor/neighbours.py": [
        Reader("Prometheus's samples", neighbours.samples, encoded(written(bent(SAMPLES))),
               fell=[DEEP]),
        Reader("Prometheus's Alertmanagers", neighbours.counted, encoded(written(bent(WATCHERS))),
               fell=[DEEP]),
    ],
    "coordinator/ops/backup/making.py": [
        Reader("the mark of a backup", mark_says, encoded(written(bent({"file": "a"}))),
               fell=[DEEP, b"by hand"]),
    ],
    "coordinator/pages/listening.py": [
        text_reader("an origin", lambda text: listening.is_ours(text, "a.example"),
                    "https://a.example:8080"),
    ],
    "coordinator/ops/http.py": [
        Reader("the head of a request", lambda given: http.check_body(*given),
               st.tuples(texts, texts)),
    ],
    "coordinator/wallets/words.py": [
        text_reader("a file of evidence in base64", words.read_file, "bm8gc2FkZGxl"),
    ],
    "coordinator/wallets/rpc_url.py": [
        text_reader("the address of a wallet RPC", rpc_url.read_rpc_url, "http://127.0.0.1:18083",
                    f"http://{'a' * 56}.onion:80/json_rpc"),
    ],
    "domain/addresses.py": [
        text_reader("a Monero address", lambda text: addresses.parse_address(text, Network.REGTEST),
                    ADDRESS, DEPOSIT_ADDRESS),
    ],
    "domain/money.py": [
        text_reader("an amount in XMR", money.parse_xmr, "1.25"),
        text_reader("an amount in piconero", money.parse_piconero, "1250000000000"),
    ],
    "domain/percentages.py": [text_reader("a percentage", parse_percent, "1.25")],
    "monero/errors.py": [
        Reader("a daemon's error", lambda given: errors.error_of(*given),
               st.tuples(texts, numbers, texts)),
    ],
    "monero/monerod.py": [
        Reader("a node's answers",
               every_answer(monerod.Monerod("http://127.0.0.1:1"), NODE_CALLS),
               bent(NODE_ANSWER) | anything,
               fell=[{**NODE_ANSWER, "txs": [{**TX, "as_json": DEEP.decode()}]}]),
    ],
    "monero/transport.py": [
        Reader("a daemon's bytes", daemon_says,
               answers(written(bent({"result": {}, "error": {"code": -1, "message": "x"}}))),
               fell=[Said(200, {}, DEEP)]),
        text_reader("a daemon's address", transport._checked_url, "http://127.0.0.1:18081"),
        text_reader("a proxy's address", transport._checked_proxy, "socks5h://127.0.0.1:9050"),
    ],
    "monero/versions.py": [text_reader("a version", versions.parse_version, "0.18.3.4-release")],
    "monero/wallet_results.py": [
        Reader("a wallet's answers",
               every_answer(wallet_rpc.WalletRpc("http://127.0.0.1:1", None), WALLET_CALLS),
               bent(WALLET_ANSWER) | anything),
        json_reader("a described transaction", lambda value: wallet_results.Description.read(
            Answer.of("describe_transfer", value)), DESCRIPTION),
    ],
    "protocol/agreement.py": [
        json_reader("terms", agreement.Agreement.from_json, trade().agreement.to_json()),
        json_reader("details", agreement.details_hash, PROPOSAL.body["details"]),
    ],
    "protocol/archive.py": [
        Reader("the manifest of an archive", archive._manifest,
               encoded(written(bent(MANIFEST) | anything)), fell=[DEEP]),
        Reader("a tar file", archive_holds,
               st.binary(max_size=1500) | st.tuples(st.just(tar_of(a=b"x", b=b"")),
               st.integers(0, 1500), st.binary(max_size=20)).map(
                   lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]),
               # More than a pipe holds, so that its writer is still at it when the reader gives up.
               fell=[b"no tar" * 50_000]),
        Reader("a backup", backup_says, encoded(written(bent(BACKUP))) | st.binary(max_size=60),
               fell=[DEEP]),
    ],
    "protocol/bodies.py": [Reader("bodies", bodies_say, st.one_of(BODIES) | anything)],
    "protocol/canonical.py": [
        Reader("canonical JSON", canonical.parse, encoded(written(bent({"a": [1, {"b": "c"}]})))),
        Reader("what is to be written canonically", canonical.canonical, anything),
    ],
    "protocol/envelope.py": [
        Reader("an envelope", lambda text: envelope.read_claim(text).prove(ME.public), ENVELOPES,
               fell=[PROPOSAL.text + "é"]),
        Reader("a proposal", open_record, ENVELOPES),
    ],
    "protocol/identity.py": [
        json_reader("a public identity", identity.PublicIdentity.from_json, ME.public.to_json()),
        text_reader("base64url", identity.unbase64url, "YWJj"),
    ],
    "protocol/pairing.py": [
        Reader("a pairing card", lambda text: pairing.read_card(text, now=NOW),
               torn_jws(CARD) | bent(payload_of(CARD)).map(lambda one: a_signed(one, pairing.TYP))),
    ],
    "protocol/sealing.py": [
        json_reader("sealed content",
                    lambda value: sealing.unseal(value, reader=ME, place=SPOT), SEALED),
    ],
    "protocol/signing.py": [
        Reader("a signed text", lambda text: signing.verify(
            signing.take_apart(text, typ=envelope.TYP, limit=10_000), ME.public),
            torn_jws(a_signed({"v": 1}))),
    ],
    "protocol/vote.py": [
        Reader("a vote", lambda text: vote.read_vote(text, QUESTION, ME.public),
               torn_jws(VOTE) | bent(payload_of(VOTE)).map(lambda one: a_signed(one, vote.TYP))),
    ],
}  # fmt: skip

_OWN_DISK = "what this very program stored"
_OWN_TABLES = "rows that the coordinator wrote"
_OWN_PIPE = "what our own process wrote into its pipe"
_SETTINGS = "addresses that the settings' reader has judged"
_DEVNET = "a network of our own, for tests and the demo"

OWN: Mapping[str, str] = {
    "agent/backup.py": _OWN_DISK,
    "agent/decisions.py": _OWN_DISK,
    "agent/home.py": _OWN_DISK,
    "agent/journal.py": _OWN_DISK,
    "agent/keyring.py": _OWN_DISK,
    "agent/late_money.py": _OWN_DISK,
    "agent/offline/settling.py": _OWN_DISK,
    "agent/wallet_book.py": _OWN_DISK,
    "agent/wallets/notes.py": _OWN_DISK,
    "agent/page/server.py": "addresses of requests; tests/unit/agent/test_page.py sends odd ones",
    "cli/demo.py": _DEVNET,
    "coordinator/accounts/second_factors.py": _OWN_TABLES,
    "coordinator/accounts/sessions.py": _OWN_TABLES,
    "coordinator/accounts/tokens.py": _OWN_TABLES,
    "coordinator/arbiters/api.py": _OWN_TABLES,
    "coordinator/doctor/looking.py": _SETTINGS,
    "coordinator/doctor/machine.py": _SETTINGS,
    "coordinator/configuration.py": "an origin that setting_values.py has read",
    "coordinator/escrows/storage.py": _OWN_TABLES,
    "coordinator/events/audit.py": "rows of the log; tests/contract/test_events.py alters them",
    "coordinator/events/following.py": _OWN_TABLES,
    "coordinator/events/log.py": _OWN_TABLES,
    "coordinator/keyring.py": _OWN_DISK,
    "coordinator/notify/channels.py": _OWN_TABLES,
    "coordinator/notify/messenger.py": _OWN_PIPE,
    "coordinator/notify/credentials.py": _OWN_TABLES,
    "coordinator/notify/sending.py": _OWN_TABLES,
    "coordinator/ops/idempotency.py": _OWN_TABLES,
    "coordinator/ops/metrics/durations.py": _OWN_TABLES,
    "coordinator/ops/metrics/facts.py": _OWN_TABLES,
    "coordinator/ops/metrics/sharing.py": _OWN_DISK,
    "coordinator/pages/sight.py": _OWN_TABLES,
    "coordinator/pages/sealed.py": _OWN_TABLES,
    "coordinator/relay/api.py": "bodies of requests; tests/contract/test_fuzz.py sends odd ones",
    "coordinator/wallets/credentials.py": _OWN_TABLES,
    "coordinator/wallets/deciding.py": _OWN_TABLES,
    "coordinator/wallets/reading.py": _OWN_TABLES,
    "devnet/api.py": _DEVNET,
    "devnet/chain.py": _DEVNET,
    "devnet/party.py": _DEVNET,
    "devnet/searching.py": _DEVNET,
    "validation/story.py": _DEVNET,
    "monero/processes.py": "the node's address, which Channel has judged",
}

# What takes text or bytes apart and has errors of its own.
TAKES_APART: Final = frozenset(
    ("json.loads", "tarfile.open", "urlsplit", "parse_qs", "parse_qsl", "fromisoformat", "fromhex",
     "b64decode", "urlsafe_b64decode", "b32decode", "ip_address", "unhexlify")
)  # fmt: skip


def taken_apart(module: Path) -> set[str]:
    """Which of ``TAKES_APART`` a module calls."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.rpartition(".")[2]
            found |= {one for one in (name, last) if one in TAKES_APART}
    return found


def test_whoever_takes_foreign_text_apart_is_listed() -> None:
    modules = {
        str(one.relative_to(SOURCES)): taken_apart(one)
        for one in SOURCES.rglob("*.py")
        if "migrations" not in one.parts
    }
    takers = {name for name, found in modules.items() if found}

    assert takers - READERS.keys() - OWN.keys() == set()
    assert OWN.keys() - takers == set()
    assert READERS.keys() - modules.keys() == set()


@pytest.mark.parametrize(
    "reader", [one for found in READERS.values() for one in found], ids=lambda one: one.name
)
def test_a_reader_returns_or_refuses(reader: Reader) -> None:
    for odd in reader.fell:
        with suppress(reader.refuses):
            reader.read(odd)

    @budget(40)
    @given(given=reader.given)
    def whatever_comes(given: object) -> None:
        with suppress(reader.refuses):
            reader.read(given)

    whatever_comes()
