"""The agent's own page: what it shows, what a yes on it stores, and whom it lets in."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlencode

import pytest

from tests.unit.agent.market import Market, Trader
from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID
from tripartite.agent.decisions import Decisions
from tripartite.agent.page import doors
from tripartite.agent.page.doors import Doors, PageNotRunning, new_link
from tripartite.agent.page.forms import read_form
from tripartite.agent.page.reception import Reception
from tripartite.agent.page.server import _Handler, _Server
from tripartite.domain.parties import Role

PORT = 8710
GERMAN = "de-DE,de;q=0.9,en;q=0.5"


@dataclass
class Reader:
    """A browser at one agent's page, without a network in between."""

    trader: Trader
    language: str = "en"
    poked: int = 0
    cookie: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.trader.opened.home.directory
        self.server = SimpleNamespace(
            reception=Reception(self.trader.opened, self._poke),
            doors=Doors(home),
            hosts=frozenset({f"127.0.0.1:{PORT}", f"localhost:{PORT}"}),
            cookie=f"agent-{PORT}",
        )
        doors.announce(home, f"http://127.0.0.1:{PORT}")

    def _poke(self) -> None:
        self.poked += 1

    def enter(self) -> None:
        answer = self.get(new_link(self.trader.opened.home.directory).partition(str(PORT))[2])
        assert answer.status == 303
        self.cookie = answer.headers["set-cookie"].split(";")[0]

    def get(self, path: str, **headers: str) -> Shown:
        return self._ask(f"GET {path}", b"", headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Shown:
        """Send a form as the page makes it; ``headers`` replace what a browser says."""
        body = urlencode({"csrf": self.csrf(), **fields}).encode()
        usual = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            "Origin": f"http://127.0.0.1:{PORT}",
        }
        return self._ask(f"POST {path}", body, {**usual, **_named(headers)})

    def csrf(self) -> str:
        found = re.findall(r'name="csrf" value="([^"]+)"', self.get("/").body)
        return found[0] if found else ""

    def say_yes(self, asked: Shown) -> Shown:
        """Tick everything and confirm."""
        secret = re.findall(r'name="question" value="([^"]+)"', asked.body)[0]
        boxes = dict.fromkeys(re.findall(r'name="(compared_\w+)"', asked.body), "yes")
        return self.post("/answer", {"question": secret, **boxes})

    def _ask(self, line: str, body: bytes, headers: Mapping[str, str]) -> Shown:
        told = {
            "Host": f"127.0.0.1:{PORT}",
            "Accept-Language": self.language,
            "Connection": "close",
            **({"Cookie": self.cookie} if self.cookie else {}),
            **_named(headers),
        }
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        here, there = socket.socketpair()
        with here, there:
            here.sendall("\r\n".join((*lines, "", "")).encode() + body)
            _Handler(there, ("127.0.0.1", 1), cast("_Server", self.server))
            there.shutdown(socket.SHUT_WR)
            return Shown.read(here)


@dataclass(frozen=True)
class Shown:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: str

    @classmethod
    def read(cls, end: socket.socket) -> Shown:
        raw = b"".join(iter(lambda: end.recv(65_536), b""))
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        return cls(int(first.split()[1]), headers, body.decode(errors="replace"))

    @property
    def text(self) -> str:
        """Without tags."""
        return html.unescape(re.sub(r"<[^>]+>", " ", self.body))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def traders(market: Market) -> Market:
    market.propose()
    market.buyer.work()
    for trader in market.traders.values():
        trader.hear()
        names = {role: f"the-{role.value}" for role in Role}
        trader.desk.cases.name(ESCROW_ID, names)
    return market


# Whom it lets in


def test_without_a_link_nothing_is_shown(traders: Market) -> None:
    reader = Reader(traders.vendor)

    for path in ("/", f"/escrow/{ESCROW_ID}", "/propose", "/nothing"):
        answer = reader.get(path)
        assert answer.status == 403
        assert "a bicycle" not in answer.body


def test_a_link_works_once(traders: Market) -> None:
    reader = Reader(traders.vendor)
    path = new_link(traders.vendor.opened.home.directory).partition(str(PORT))[2]

    assert reader.get(path).status == 303
    assert reader.get(path).status == 403


def test_a_new_link_ends_the_one_before(traders: Market) -> None:
    reader = Reader(traders.vendor)
    home = traders.vendor.opened.home.directory
    first, second = (new_link(home).partition(str(PORT))[2] for _ in range(2))

    assert reader.get(first).status == 403
    assert reader.get(second).status == 303


def test_without_a_running_agent_there_is_no_link(tmp_path: Path) -> None:
    with pytest.raises(PageNotRunning):
        new_link(tmp_path)


def test_only_its_owner_can_read_the_link(traders: Market) -> None:
    home = traders.vendor.opened.home.directory
    Reader(traders.vendor)
    new_link(home)

    assert (home / "page.link").stat().st_mode & 0o077 == 0


def test_a_rebound_name_is_turned_away(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    assert reader.get("/", Host=f"evil.example:{PORT}").status == 421
    assert reader.get("/", Host="127.0.0.1").status == 421


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://127.0.0.1:8711", "http://localhost:8710"]
)
def test_a_form_from_elsewhere_is_refused(traders: Market, origin: str) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    answer = reader.post(
        f"/escrow/{ESCROW_ID}/accept", {"address": ADDRESSES[Role.VENDOR]}, Origin=origin
    )

    assert answer.status == 403
    assert "Accept these terms as the vendor?" not in answer.text


def test_a_form_without_its_token_is_refused(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    answer = reader.post(f"/escrow/{ESCROW_ID}/cancel", {"csrf": "guessed"})

    assert answer.status == 403


def test_who_closes_the_page_is_out(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    reader.post("/leave", {})

    assert reader.get("/").status == 403


def test_every_answer_carries_its_policies(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    for path in ("/", f"/escrow/{ESCROW_ID}", "/propose", "/static/style.css"):
        headers = reader.get(path).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    cookie = reader.get(new_link(traders.vendor.opened.home.directory).partition(str(PORT))[2])
    assert "HttpOnly; SameSite=Lax" in cookie.headers["set-cookie"]


def test_nothing_of_the_directories_around_is_served(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    for path in (
        "/static/../home.py",
        "/static/htmx-LICENSE.txt",
        f"/escrow/{ESCROW_ID}/evidence/..",
    ):
        assert reader.get(path).status == 404


# What it shows, and what a yes stores


def test_a_page_that_waits_for_a_proposal_becomes_that_escrows(market: Market) -> None:
    """A script is told to load it; a page that loads itself anew would disturb screen readers."""
    reader = Reader(market.vendor)
    reader.enter()
    waiting = reader.get(f"/escrow/{ESCROW_ID}?proposing=yes", HX_Request="true")
    assert "hasn't heard of this escrow yet" in waiting.text
    assert "<html" not in waiting.body

    market.propose()
    market.buyer.work()
    market.vendor.hear()

    ready = reader.get(f"/escrow/{ESCROW_ID}?proposing=yes", HX_Request="true")
    assert ready.headers["hx-refresh"] == "true"


def test_terms_are_read_compared_and_accepted(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()
    assert "Read the terms, then accept or refuse them." in reader.get("/").text
    assert "a bicycle" in reader.get(f"/escrow/{ESCROW_ID}").text

    asked = reader.post(f"/escrow/{ESCROW_ID}/accept", {"address": ADDRESSES[Role.VENDOR]})
    assert "Accept these terms as the vendor?" in asked.text
    assert reader.say_yes(asked).status == 303

    assert reader.poked == 1
    traders.settle()
    assert Role.VENDOR in traders.record.details


def test_who_has_accepted_isnt_asked_again_while_the_agent_is_saying_so(traders: Market) -> None:
    """Else the form stands there once more, and the page waits for it instead of for the news."""
    reader = Reader(traders.vendor)
    reader.enter()
    own = f"/escrow/{ESCROW_ID}"
    reader.say_yes(reader.post(f"{own}/accept", {"address": ADDRESSES[Role.VENDOR]}))

    for _ in range(2):
        page, overview = reader.get(own), reader.get("/")
        assert "Accept these terms" not in page.text
        assert 'hx-trigger="every 4s"' in page.body
        assert "Read the terms, then accept" not in page.text + overview.text
        traders.vendor.work()  # said, and not heard back yet


def test_a_strangers_fingerprint_has_to_be_compared(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()
    asked = reader.post(f"/escrow/{ESCROW_ID}/accept", {"address": ADDRESSES[Role.VENDOR]})
    secret = re.findall(r'name="question" value="([^"]+)"', asked.body)[0]

    answer = reader.post("/answer", {"question": secret, "compared_buyer": "yes"})

    assert answer.status == 422
    assert "its fingerprint wasn't compared" in answer.text
    assert Decisions(traders.vendor.opened.journal).escrows_with_intents() == []


def test_a_yes_counts_once(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()
    asked = reader.get(f"/escrow/{ESCROW_ID}/cancel")

    assert reader.say_yes(asked).status == 303
    assert reader.say_yes(asked).status == 422


def test_refusing_calls_the_escrow_off(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    reader.say_yes(reader.get(f"/escrow/{ESCROW_ID}/cancel"))
    traders.settle()

    assert traders.record.state.value == "cancelled"


def test_an_address_of_another_network_is_refused_beside_the_form(traders: Market) -> None:
    reader = Reader(traders.vendor)
    reader.enter()

    answer = reader.post(f"/escrow/{ESCROW_ID}/accept", {"address": "nonsense"})

    assert answer.status == 422
    assert 'value="nonsense"' in answer.body


def test_words_of_others_are_text_and_never_markup(market: Market) -> None:
    """A file's name, a subject, a statement: all of it is somebody else's."""
    market.fund()
    buyer, vendor = Reader(market.buyer), Reader(market.vendor)
    for reader in (buyer, vendor):
        reader.enter()
    evil = "<script>alert(1)</script>"

    asked = buyer.post(f"/escrow/{ESCROW_ID}/dispute", {"text": evil})
    buyer.say_yes(asked)
    market.settle()
    page = vendor.get(f"/escrow/{ESCROW_ID}/case")

    assert evil in page.text or html.escape(evil) in page.body
    assert evil not in page.body


def test_a_dispute_is_argued_and_ruled_on_the_pages(market: Market) -> None:
    market.fund()
    buyer, vendor, arbiter = (Reader(trader) for trader in market.traders.values())
    for reader in (buyer, vendor, arbiter):
        reader.enter()

    buyer.say_yes(buyer.post(f"/escrow/{ESCROW_ID}/dispute", {"text": "nothing arrived"}))
    market.settle()
    vendor.say_yes(vendor.post(f"/escrow/{ESCROW_ID}/state", {"text": "it was posted"}))
    market.settle()
    case = arbiter.get(f"/escrow/{ESCROW_ID}/case").text
    assert "nothing arrived" in case
    assert "it was posted" in case
    preview = arbiter.get(f"/escrow/{ESCROW_ID}/rule?vendor_percent=60", HX_Request="true")
    asked = arbiter.post(f"/escrow/{ESCROW_ID}/rule", {"vendor_percent": "60"})
    row = re.findall(r'<th scope="row">ruled</th>.*?</tr>', preview.body, re.DOTALL)
    assert row
    assert row[0] in asked.body
    arbiter.say_yes(asked)
    market.settle()

    assert market.record.payout is not None
    assert market.record.payout.vendor_bps == 6_000
    assert "The arbiter has ruled: sign the ruling, or not." in vendor.get("/").text
    vendor.say_yes(vendor.get(f"/escrow/{ESCROW_ID}/carry_out"))
    market.settle()
    assert market.record.payout.txid is not None


def test_a_split_is_offered_and_agreed_to(market: Market) -> None:
    market.fund()
    buyer, vendor = Reader(market.buyer), Reader(market.vendor)
    for reader in (buyer, vendor):
        reader.enter()

    buyer.say_yes(buyer.post(f"/escrow/{ESCROW_ID}/settle", {"vendor_share": "0.5"}))
    market.settle()
    assert "The other side offers a split" in vendor.get("/").text
    vendor.say_yes(vendor.get(f"/escrow/{ESCROW_ID}/agree"))
    market.settle()

    assert market.record.state.value == "settling"


def test_what_was_shown_is_what_is_stored(market: Market) -> None:
    """The offer changes while it is being read: the yes is for the one that was shown."""
    market.fund()
    buyer, vendor = Reader(market.buyer), Reader(market.vendor)
    for reader in (buyer, vendor):
        reader.enter()
    buyer.say_yes(buyer.post(f"/escrow/{ESCROW_ID}/settle", {"vendor_share": "0.5"}))
    market.settle()
    asked = vendor.get(f"/escrow/{ESCROW_ID}/agree")
    buyer.say_yes(buyer.post(f"/escrow/{ESCROW_ID}/settle", {"vendor_share": "0.1"}))
    market.settle()

    vendor.say_yes(asked)
    market.settle()

    assert market.record.state.value == "funded"


def test_everything_is_said_in_german_too(market: Market) -> None:
    """Every sentence that a use case makes for a page has its translation."""
    market.fund()
    buyer, vendor = Reader(market.buyer), Reader(market.vendor)
    arbiter = Reader(market.arbiter)
    for reader in (buyer, vendor, arbiter):
        reader.language = GERMAN
        reader.enter()
    pages = [
        buyer.get("/"),
        buyer.get("/propose"),
        buyer.get(f"/escrow/{ESCROW_ID}"),
        buyer.get(f"/escrow/{ESCROW_ID}/release"),
        vendor.get(f"/escrow/{ESCROW_ID}/refund"),
        buyer.post(f"/escrow/{ESCROW_ID}/settle", {"vendor_share": "0.5"}),
        asked := buyer.post(f"/escrow/{ESCROW_ID}/dispute", {"text": "Nichts kam an."}),
    ]
    buyer.say_yes(asked)
    market.settle()
    pages += [
        vendor.get(f"/escrow/{ESCROW_ID}/case"),
        vendor.post(f"/escrow/{ESCROW_ID}/state", {"text": "Doch."}),
        asked := arbiter.post(f"/escrow/{ESCROW_ID}/rule", {"vendor_percent": "60"}),
    ]
    arbiter.say_yes(asked)
    market.settle()
    pages.append(vendor.get(f"/escrow/{ESCROW_ID}/carry_out"))

    for page in pages:
        assert page.status == 200
        assert left_in_english(page) == []


def left_in_english(page: Shown) -> list[str]:
    """Lines with a common English word."""
    english = re.compile(r"\b(the|this|that|your|who|what|money|and|is|give)\b", re.IGNORECASE)
    shown = re.sub(r"<title>.*?</title>|<pre.*?</pre>", "", page.body, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "\n", shown)).replace("a bicycle", "")
    return [line for line in text.splitlines() if english.search(line)]


def test_what_is_refused_is_said_in_german_too(market: Market) -> None:
    market.fund()
    buyer, arbiter = Reader(market.buyer, GERMAN), Reader(market.arbiter, GERMAN)
    for reader in (buyer, arbiter):
        reader.enter()
    own = f"/escrow/{ESCROW_ID}"
    sale = {"other": "bob", "arbiter": "carol", "amount": "1", "subject": "a bicycle"}
    asked = buyer.get(f"{own}/release")
    buyer.say_yes(asked)
    refused = [
        buyer.say_yes(asked),
        *(buyer.post(f"{own}/settle", {"vendor_share": one}) for one in ("x", "1e3", "7", "-1")),
        buyer.post(f"{own}/settle", {"vendor_share": "0.0000000000001"}),
        buyer.post(f"{own}/settle", {"vendor_share": "99999999999"}),
        buyer.post(f"{own}/dispute", {"text": ""}),
        buyer.get(f"{own}/refund"),
        buyer.get(f"{own}/agree"),
        arbiter.post(f"{own}/accept", {"address": "x"}),
        *(arbiter.post(f"{own}/rule", {"vendor_percent": one}) for one in ("x", "200", "50")),
        *(buyer.post("/propose", {**sale, "amount": one}) for one in ("", "0", "1.5.")),
        buyer.post("/propose", {**sale, "arbiter_fee": "x"}),
        buyer.post("/propose", {**sale, "arbiter_fee": "200"}),
        buyer.get(f"/escrow/{'0' * 32}/release"),
    ]

    for page in refused:
        assert page.status in (409, 422)
        assert left_in_english(page) == []


def test_a_wrong_address_is_explained_in_german(traders: Market) -> None:
    vendor = Reader(traders.vendor, GERMAN)
    vendor.enter()
    good = ADDRESSES[Role.VENDOR]
    for wrong in ("x", good[:-1] + "1", good[:40] + "2" + good[41:], "0" * 95, "5" + good[1:]):
        page = vendor.post(f"/escrow/{ESCROW_ID}/accept", {"address": wrong})

        assert page.status == 422
        assert left_in_english(page) == []


def test_a_form_in_parts_keeps_its_files_byte_for_byte() -> None:
    data = bytes(range(256)) + b"\r\n--X\r\n\r\n--"
    body = (
        b'--XYZ\r\nContent-Disposition: form-data; name="text"\r\n\r\nh\xc3\xa4llo\r\n'
        b'--XYZ\r\nContent-Disposition: form-data; name="files"; filename="a b.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--XYZ--\r\n"
    )

    form = read_form("multipart/form-data; boundary=XYZ", body)

    assert form.text("text") == "hällo"
    assert [(one.name, one.data) for one in form.files] == [("a b.bin", data)]


@pytest.mark.parametrize("body", [b"", b"--XYZ\r\n\r\n", b"--XYZ\r\nfoo\r\n--XYZ--", b"--XYZ"])
def test_a_form_that_is_cut_off_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="form"):
        read_form("multipart/form-data; boundary=XYZ", body)
