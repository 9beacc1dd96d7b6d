"""``tripartite agent`` as somebody types it. No daemon, no coordinator."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.agent.market import QUICK, Market
from tests.unit.agent.test_consent import STAGENET_ADDRESS
from tests.unit.protocol.trade import ADDRESSES, ESCROW_ID
from tripartite.agent import proposing
from tripartite.agent.coordinator_client import CoordinatorRefused
from tripartite.agent.decisions import ContactKeyChanged, Decision, Decisions, Verified
from tripartite.agent.home import AgentRunning, HomeUnsafe, create_home, open_home
from tripartite.agent.proposing import PartyNotPaired
from tripartite.cli.main import build
from tripartite.domain.limits import BETA, AmountAboveLimit, Limits, Used, require_room
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.identity import Identity, PublicIdentity


@dataclass
class Desktop:
    """A terminal at which one home is used."""

    home: Path
    passphrase: Path

    def type(self, *words: str, answers: str = "") -> Result:
        arguments = ["agent", *words, "--home", str(self.home)]
        environment = {
            "TRIPARTITE_AGENT_PASSPHRASE_FILE": str(self.passphrase),
            "COLUMNS": "200",
        }
        return CliRunner().invoke(build(arguments), arguments, input=answers, env=environment)

    def create_escrow(self, *words: str, answers: str = "") -> Result:
        arguments = ["create-escrow", *words, "--home", str(self.home)]
        environment = {"TRIPARTITE_AGENT_PASSPHRASE_FILE": str(self.passphrase), "COLUMNS": "200"}
        return CliRunner().invoke(build(arguments), arguments, input=answers, env=environment)

    def propose(self, **changes: str) -> Result:
        words = {
            "vendor": "carol",
            "arbiter": "dave",
            "amount": "1.25",
            "refund-address": ADDRESSES[Role.BUYER],
            "subject": "a bicycle",
            **changes,
        }
        return self.type("propose", *(f"--{name}={value}" for name, value in words.items()))


@dataclass
class PaperDirectory:
    """Who has which identity."""

    known: Mapping[str, PublicIdentity | None] = field(default_factory=dict)
    limits: Limits = BETA

    def identity_of(self, account: str) -> PublicIdentity | None:
        if account not in self.known:
            raise CoordinatorRefused("Check the spelling.", reason="account_unknown")
        return self.known[account]

    def require_room(self, amount: int) -> None:
        require_room(self.limits, Used(0, 0), amount)

    def require_arbiter(self, account: str) -> None:
        """Everybody's agent is online."""


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    """A home that was made and paired."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open sesame\n")
    passphrase.chmod(0o600)
    opened = create_home(
        tmp_path / "home",
        network=Network.REGTEST,
        passphrase=Secret("open sesame"),
        stretching=QUICK,
    )
    opened.journal.set_setting("coordinator", "http://127.0.0.1:1")
    opened.journal.set_setting("account", "bob")
    opened.journal.set_secret("token", Secret("tri_test"))
    opened.journal.close()
    return Desktop(tmp_path / "home", passphrase)


def test_init_makes_a_private_home_and_shows_the_fingerprint(tmp_path: Path) -> None:
    key = tmp_path / "agent.key"
    desktop = Desktop(tmp_path / "new", tmp_path / "none")

    made = desktop.type("init", "--network", "regtest", "--key-file", str(key))

    opened = open_home(desktop.home)
    assert made.exit_code == 0
    assert opened.identity.public.fingerprint in made.stdout
    assert desktop.home.stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" not in (desktop.home / "journal.sqlite3").read_bytes()
    opened.journal.close()


def test_a_home_is_never_made_twice(desktop: Desktop) -> None:
    again = desktop.type("init", "--network", "regtest")

    assert again.exit_code == 1
    assert "home_exists" in again.stderr


def test_a_home_that_others_can_read_is_refused(desktop: Desktop) -> None:
    desktop.home.chmod(0o755)

    with pytest.raises(HomeUnsafe):
        open_home(desktop.home, passphrase=Secret("open sesame"))
    assert "home_unsafe" in desktop.type("status").stderr


def test_a_passphrase_file_that_others_can_read_is_refused(desktop: Desktop) -> None:
    desktop.passphrase.chmod(0o644)

    refused = desktop.propose()

    assert refused.exit_code == 1
    assert "key_file_unsafe" in refused.stderr


def test_a_wrong_passphrase_is_refused(desktop: Desktop) -> None:
    desktop.passphrase.write_text("open barley")

    refused = desktop.propose()

    assert refused.exit_code == 1
    assert "passphrase_wrong" in refused.stderr


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "1.0000000000001"}, "amount_too_precise"),
        ({"amount": "0"}, "amount_not_positive"),
        ({"amount": "-1"}, "amount_malformed"),
        ({"amount": "1e3"}, "amount_malformed"),
        ({"amount": "99999999999999"}, "amount_above_supply"),
        ({"network-fee": "nobody"}, "proposal_malformed"),
        ({"buyer": "erin"}, "proposal_malformed"),
        ({"arbiter-fee": "1.234"}, "fee_rule_invalid"),
        ({"arbiter-fee": "101"}, "fee_rule_invalid"),
        ({"refund-address": "4abc"}, "address_malformed"),
        ({"refund-address": STAGENET_ADDRESS}, "address_wrong_network"),
        ({"subject": ""}, "terms_unsound"),
    ],
)
def test_what_cannot_be_proposed_is_refused_with_its_reason(
    desktop: Desktop, changes: dict[str, str], code: str
) -> None:
    refused = desktop.propose(**changes)

    assert refused.exit_code == 1
    assert f"[{code}]" in refused.stderr


def test_an_escrow_is_created_by_the_names_of_both_traders(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them is the agent's own; what isn't given is asked for, and all of it is shown."""
    known = {name: Identity.generate().public for name in ("carol", "dave")}
    monkeypatch.setattr(
        proposing, "directory_of", lambda _: contextlib.nullcontext(PaperDirectory(known))
    )
    words = ["--buyer-id", "bob", "--vendor-id", "carol", "--amount", "0.5"]

    made = desktop.create_escrow(
        *words, answers=f"dave\n{ADDRESSES[Role.BUYER]}\na bicycle\ny\ny\ny\n"
    )

    assert made.exit_code == 0, made.output
    assert "a bicycle" in made.stdout
    *_, last = [line for line in made.stdout.splitlines() if line.startswith("escrow ")]
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))
    decided = Decisions(opened.journal).escrows_with_intents()
    opened.journal.close()
    assert decided == [last.removeprefix("escrow ")]


def test_nobody_creates_an_escrow_for_others(desktop: Desktop) -> None:
    words = ["--buyer-id", "erin", "--vendor-id", "carol", "--amount", "0.5"]

    refused = desktop.create_escrow(
        *words, "--arbiter-id", "dave", "--address", "4…", "--subject", "a bicycle"
    )

    assert refused.exit_code == 1
    assert "[not_your_escrow]" in refused.stderr
    assert "bob" in refused.stderr


def test_status_needs_no_passphrase(desktop: Desktop) -> None:
    desktop.passphrase.unlink()

    shown = desktop.type("status", "--json")

    assert shown.exit_code == 0
    status = json.loads(shown.stdout)
    assert (status["account"], status["running"], status["escrows"]) == ("bob", False, [])


def test_status_of_nothing_says_how_to_begin(tmp_path: Path) -> None:
    shown = Desktop(tmp_path / "nowhere", tmp_path / "none").type("status")

    assert shown.exit_code == 1
    assert "tripartite agent init" in shown.stderr


def test_an_unpaired_home_says_how_to_pair(tmp_path: Path, desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))
    opened.journal.write("DELETE FROM settings WHERE name = 'coordinator'")
    opened.journal.close()

    refused = desktop.propose()

    assert refused.exit_code == 1
    assert "not_paired" in refused.stderr


def test_an_insecure_coordinator_is_refused(desktop: Desktop) -> None:
    token = desktop.home / "token"
    token.write_text("tri_test")
    token.chmod(0o600)

    refused = desktop.type(
        "pair", "--coordinator", "http://escrow.example", "--token-file", str(token)
    )

    assert refused.exit_code == 1
    assert "coordinator_url_insecure" in refused.stderr


def test_an_unknown_account_is_refused(desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))
    draft = proposing.read_draft(
        buyer=None, vendor="carol", arbiter="dave", amount="1", subject="a bicycle"
    )

    with pytest.raises(CoordinatorRefused) as refused:
        proposing.prepare(opened, draft, ADDRESSES[Role.BUYER], PaperDirectory())
    known = PaperDirectory({"carol": None, "dave": None})
    with pytest.raises(PartyNotPaired):
        proposing.prepare(opened, draft, ADDRESSES[Role.BUYER], known)

    assert refused.value.reason == "account_unknown"


def test_what_the_coordinator_would_not_take_is_refused_at_once(desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))
    draft = proposing.read_draft(
        buyer=None, vendor="carol", arbiter="dave", amount="5.01", subject="a bicycle"
    )

    with pytest.raises(AmountAboveLimit, match="Propose 5 XMR or less"):
        proposing.prepare(opened, draft, ADDRESSES[Role.BUYER], PaperDirectory())
    opened.journal.close()


def test_a_proposal_is_stored_sealed_and_pins_the_others(desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))
    carol, dave = Identity.generate().public, Identity.generate().public
    directory = PaperDirectory({"carol": carol, "dave": dave})
    draft = proposing.read_draft(
        buyer=None,
        vendor="carol",
        arbiter="dave",
        amount="1.5",
        subject="a bicycle",
        arbiter_fee="2.5 %",
        network_fee="payer",
        fee_allowance="0.01",
    )

    proposal = proposing.prepare(opened, draft, ADDRESSES[Role.BUYER], directory)
    proposing.decide(opened, proposal, frozenset({Role.VENDOR}))

    decisions = Decisions(opened.journal)
    intent = decisions.next_intent(proposal.escrow_id)
    assert intent is not None
    assert intent.decision is Decision.PROPOSE
    assert intent.content["terms"] == proposal.agreement.to_json()
    assert proposal.agreement.terms.fees.arbiter_bps == 250
    assert dict(proposal.consent.facts)["buyer pays in"] == "1.51 XMR"
    contact = decisions.contact("carol")
    assert contact is not None
    assert contact.verified is Verified.FINGERPRINT
    other = PaperDirectory({"carol": Identity.generate().public, "dave": dave})
    with pytest.raises(ContactKeyChanged):
        proposing.prepare(opened, draft, ADDRESSES[Role.BUYER], other)
    opened.journal.close()
    assert b"bicycle" not in (desktop.home / "journal.sqlite3").read_bytes()


def test_a_release_is_asked_shown_and_stored(market: Market, tmp_path: Path) -> None:
    market.fund()
    desktop = at_the_terminal_of(market, tmp_path)

    said_no = desktop.type("release", ESCROW_ID[:8], answers="n\n")
    assert said_no.exit_code == 4

    said_yes = desktop.type("release", ESCROW_ID[:8], "--yes")
    assert said_yes.exit_code == 0
    assert "carried out once" in said_yes.stderr
    assert "vendor gets" in said_yes.stdout
    intent = market.buyer.desk.decisions.next_intent(ESCROW_ID)
    assert intent is not None
    assert intent.decision is Decision.RELEASE


def test_status_shows_whose_turn_it_is(market: Market, tmp_path: Path) -> None:
    market.agree()
    desktop = at_the_terminal_of(market, tmp_path)

    (escrow,) = json.loads(desktop.type("status", "--json").stdout)["escrows"]

    assert escrow["state"] == "awaiting_deposit"
    assert escrow["address"] == market.record.address
    assert escrow["waiting_on"] == [{"role": "buyer", "what": "deposit"}]
    assert "awaiting_deposit" in desktop.type("status").stdout


def test_two_agents_never_share_a_home(desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))

    with opened.home.running():
        assert opened.home.is_running()
        with pytest.raises(AgentRunning), opened.home.running():
            pass

    assert not opened.home.is_running()
    opened.journal.close()


def test_a_poke_reaches_the_running_agent_and_nobody_else(desktop: Desktop) -> None:
    opened = open_home(desktop.home, passphrase=Secret("open sesame"))

    assert not opened.home.poke()
    with opened.home.listen() as listener:
        assert opened.home.poke()
        assert listener.recv(16) == b"look"
        assert (desktop.home / "agent.sock").stat().st_mode & 0o777 == 0o600
    opened.journal.close()


def at_the_terminal_of(market: Market, tmp_path: Path) -> Desktop:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open sesame")
    passphrase.chmod(0o600)
    return Desktop(market.buyer.directory, passphrase)
