"""The admin's guide, typed word for word on a server where an escrow is stuck."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.clock import Clock
from tests.contract.engines import Sqlite, use_database
from tests.contract.kit import ORIGIN, Market, Person, open_account
from tests.contract.serving import Served, free_port, served
from tests.contract.terminal import commands, typed
from tests.contract.watchkeeping import Watch, keep_watch
from tripartite.agent.home import create_home
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.pairing import pair
from tripartite.coordinator.accounts.tokens import caller_of
from tripartite.coordinator.recovery.models import Action, Panel
from tripartite.coordinator.storing import now
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.pairing import write_card

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/manual-recovery.md"


def blocks() -> list[str]:
    """The commands in the guide's blocks, in order."""
    return commands(GUIDE)


@dataclass
class Night:
    """A server with a stuck escrow, whose admin types what the guide says."""

    server: Served
    escrow_id: str
    place: Path
    database: str

    def type(self, line: str, *, at: str = "server", **more: str) -> str:
        """What the line prints on a machine, the server or that of an agent; it ends with 0."""
        shown = line.replace("ESCROW", self.escrow_id)
        environment = {
            "HOME": str(self.place),
            "ORIGIN": self.server.url,
            **more,
        }
        if at == "server":
            environment |= {
                "TRIPARTITE_DATA_DIR": str(self.place / "server"),
                "TRIPARTITE_NETWORK": "regtest",
                "TRIPARTITE_DATABASE_URL": self.database,
            }
        else:
            environment["TRIPARTITE_AGENT_HOME"] = str(self.place / at)
        return typed(shown, environment, said="a horse, a battery\na horse, a battery\n")


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    (tmp_path / "template").mkdir()
    with Sqlite(tmp_path / "template").database() as url:
        use_database(url)
        port = free_port()
        origin = f"http://127.0.0.1:{port}"
        people = {role: open_account(role.value) for role in (Role.BUYER, Role.VENDOR)}
        people[Role.ARBITER] = _with_home("arbiter", tmp_path, origin)
        clock = Clock(monkeypatch)
        # The escrow stood still for two days; the server's own clock isn't moved.
        clock.advance(hours=-49)
        watch = Watch(Market(people), clock, open_account("another", admin=True))
        deal = watch.releasing_deal()
        clock.advance(hours=49)
        keep_watch()
        _with_home("ada", tmp_path, origin)
        for name in ("ben", "cyd"):
            open_account(name)
        Account.objects.filter(name__in=("ben", "cyd")).update(is_arbiter=True)
        directory = tmp_path / "server"
        directory.mkdir()
        with served(directory, DATABASE_URL=url, PORT=str(port)) as server:
            yield Night(server, deal.escrow_id, tmp_path, url)


def _with_home(name: str, place: Path, origin: str) -> Person:
    """An account whose identity lives in an agent's home, paired as the agent would."""
    person = open_account(name, paired=False)
    opened = create_home(
        place / name, network=Network.REGTEST, passphrase=None, key_file=place / f"{name}.key"
    )
    card = write_card(opened.identity, account=person.name, coordinator=ORIGIN, issued_at=now())
    pair(caller_of(person.token), card, origin=ORIGIN, remember=lambda _: None)
    with opened.journal.commit():
        opened.journal.set_setting("coordinator", origin)
        opened.journal.set_setting("account", person.name)
        opened.journal.set_secret("token", Secret(person.token))
    opened.journal.close()
    return Person(person.name, person.account_id, opened.identity, person.api)


def line_with(word: str) -> str:
    """The guide's one command that holds this word."""
    (line,) = (one for one in blocks() if word in one)
    return line


def test_every_command_of_the_guide_works_and_says_what_the_guide_says(night: Night) -> None:
    typed: list[str] = []

    def type_(word: str, **options: str) -> str:
        line = line_with(word)
        typed.append(line)
        number = options.pop("number", "7")
        return night.type(re.sub(r"\b7\b", number, line), **options)

    assert "operator is an admin" in night.type(
        line_with("admin create") + f" --password-file {_password(night.place)}"
    )
    typed.append(line_with("admin create"))
    assert "ada is an arbiter" in type_("admin grant")
    assert "ada: arbiter" in type_("admin roles")

    listed = type_("admin cases")
    assert f"{night.escrow_id}  releasing_recovery_needed, stuck for 49 h" in listed
    assert "waits for: buyer (export_info), vendor (export_info)" in listed

    assert "chain: nothing_announced" in type_("retry_transaction --notes")
    assert "arbiter: asked" in type_("contact_arbiter")
    called = Action.objects.get(action="contact_arbiter")
    type_("agent acknowledge", at="arbiter", number=str(called.pk))
    assert "arbiter: acknowledged" in night.type(line_with("admin cases"))

    type_("escalate_governance")
    panel = Panel.objects.get()
    question = type_("agent panels", at="ada")
    assert question.startswith(f"{panel.pk}: {night.escrow_id} is releasing (open)")
    assert "on record" in type_("agent vote", at="ada", number=str(panel.pk))
    assert panel.seats.get(account__name="ada").choice == "release"

    assert "mark_investigated is on record" in type_("mark_investigated")
    assert "quiet until" in night.type(line_with("admin cases"))
    assert type_("audit verify").startswith("intact: ")

    token = type_("admin token").strip()
    assert night.escrow_id in type_("recovery/list", TOKEN=token)
    assert '"success": true' in type_("From my telephone", TOKEN=token)
    assert sorted(typed) == sorted(blocks()), "a command that nobody has tried"


def test_the_guide_knows_every_answer_of_a_retry() -> None:
    page = GUIDE.read_text()
    for answer in (
        "mined", "in_pool", "elsewhere", "accepted", "refused", "unreachable", "nothing_announced",
    ):  # fmt: skip
        assert f": {answer}`" in page


def _password(place: Path) -> Path:
    file = place / "password"
    file.write_text("a horse, a battery, a staple\n")
    return file
