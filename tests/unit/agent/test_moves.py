"""Another arbiter for an escrow that holds money, told by agents whose wallets are of paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.agent.market import TXID, Market, Trader
from tests.unit.agent.test_page import Reader
from tests.unit.protocol.trade import DEPOSIT_ADDRESS, ESCROW_ID, OTHER_ADDRESS, terms
from tripartite.agent import deciding, proposing, replacing, resolving
from tripartite.agent.deciding import AddressMissing
from tripartite.agent.decisions import Decision, Decisions
from tripartite.agent.payouts import Move
from tripartite.agent.resolving import MoveOffered, OtherThanExpected
from tripartite.agent.status import status
from tripartite.agent.succession import MoveElsewhere
from tripartite.agent.wallets.records import Sighting
from tripartite.domain.deposits import Output
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.rotation import ArbiterOffline
from tripartite.domain.succession import RESERVE, SuccessorDiffers
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.bodies import write_move
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import PublicIdentity
from tripartite.protocol.next_step import open_verbs, waiting_on
from tripartite.protocol.record import Record, Successor
from tripartite.protocol.rules.agreeing import SuccessorBinds
from tripartite.protocol.rules.deciding import PayoutAlreadyBroadcast
from tripartite.protocol.succession import SuccessorNotReady

BUYER, VENDOR, ARBITER = Role
# A throw-away wallet of mainnet's form: where the new arbiter is paid.
ERIN_IS_PAID_AT = "49vXEdGipThhBmwTcLkBHEDbtw4EBgewKaTM9XvSUkyAAyN5nqauTEFNyZRSXpwwsGaN99Aia3d9P8tVoGc7b8ALV4Qmqqf"


class Town:
    """A funded escrow whose arbiter is gone, and erin, who could take over."""

    def __init__(self, directory: Path) -> None:
        self.market = Market(directory)
        self.market.fund()
        self.buyer, self.vendor = self.market.buyer, self.market.vendor
        self.erin: Trader = self.market._trader(ARBITER, directory / "erin")
        self.new_id = ""
        for one in self.people:
            one.wallets.address = OTHER_ADDRESS
            one.wallets.begin_anew()

    @property
    def people(self) -> tuple[Trader, ...]:
        """Everybody but the arbiter who is gone."""
        return self.buyer, self.vendor, self.erin

    @property
    def new(self) -> Record:
        return self.market.coordinator.records[self.new_id]

    # A directory, as ``replacing`` asks for one.

    def identity_of(self, account: str) -> PublicIdentity | None:
        return self.erin.opened.identity.public if account in ("erin", "away") else None

    def require_room(self, amount: int) -> None:
        raise AssertionError("a successor brings no money of its own")

    def require_arbiter(self, account: str) -> None:
        if account == "away":
            raise ArbiterOffline("Name another one.")

    def settle(self) -> None:
        """Let everybody hear and work until nothing moves."""
        before = -1
        while before != len(self.market.coordinator.received):
            before = len(self.market.coordinator.received)
            for trader in self.people:
                trader.hear()
                for escrow_id in (ESCROW_ID, self.new_id):
                    trader.work(escrow_id)

    def propose(self, by: Trader | None = None, **changes: object) -> None:
        """A trader proposes erin; ``changes`` make the terms other than an honest agent would."""
        trader = by or self.buyer
        found = replacing.prepare(
            trader.opened, ESCROW_ID, arbiter="erin", arbiter_bps=250, directory=self
        )
        if changes:
            lied = replace(found.agreement.terms, **changes)  # type: ignore[arg-type]  # names checked there
            found = replace(found, agreement=Agreement(lied, found.agreement.parties))
        self.new_id = found.escrow_id
        self.market.coordinator.arbiters[self.new_id] = "erin"
        proposing.decide(trader.opened, found, frozenset())
        self.settle()

    def accept(self, by: Trader, address: str | None = None) -> None:
        choice = deciding.accept(by.opened, self.new_id, address)
        deciding.decide(by.opened, choice, frozenset())
        self.settle()

    def agree(self, by: Trader | None = None) -> None:
        """To an attested address, which waits for the money."""
        self.propose(by)
        self.accept(self.vendor if by in (None, self.buyer) else self.buyer)
        self.accept(self.erin, ERIN_IS_PAID_AT)

    def move(self, by: Trader) -> None:
        resolving.store(by.opened, resolving.move(by.opened, ESCROW_ID))
        self.settle()

    def offer(self, by: Trader, successor: Successor) -> None:
        """What somebody says whose agent doesn't look."""
        content: dict[str, Json] = {
            **write_move(successor),
            "contract_id": self.market.record.contract_id,
        }
        Decisions(by.opened.journal).decide(ESCROW_ID, Decision.SETTLE, content)
        self.settle()

    def ready(self) -> Successor:
        assert self.new.address is not None
        assert self.new.contract_id is not None
        return Successor(self.new_id, self.new.contract_id, self.new.address)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def shown(trader: Trader, escrow_id: str) -> Mapping[str, object]:
    escrows = status(trader.opened.journal, running=True)["escrows"]
    assert isinstance(escrows, list)
    (found,) = (one for one in escrows if one["escrow_id"] == escrow_id)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("proposer", "disputed"), [(BUYER, False), (VENDOR, True)])
def test_both_traders_move_everything_to_the_wallet_with_another_arbiter(
    town: Town, proposer: Role, disputed: bool
) -> None:
    """The old arbiter's agent is gone from the beginning."""
    one = town.market.traders[proposer]
    other = town.vendor if one is town.buyer else town.buyer
    if disputed:
        choice = resolving.dispute(one.opened, ESCROW_ID, "nothing arrived")
        resolving.store(one.opened, choice)
        town.settle()
        assert town.market.record.state is State.DISPUTED
    town.agree(one)
    assert town.new.state is State.AWAITING_DEPOSIT
    assert waiting_on(town.new) == ((BUYER, "move"), (VENDOR, "move"))

    town.move(one)
    assert waiting_on(town.market.record) == ((other.role, "move"),)
    assert one.wallets.plans == []
    town.move(other)

    payout = town.market.record.payout
    assert payout is not None
    assert (payout.event, payout.txid) == (Event.SETTLEMENT_AGREED, TXID)
    (built,), (signed,) = one.wallets.plans, other.wallets.plans
    assert built.move == signed.move == Move(OTHER_ADDRESS, town.new.agreement.terms.amount_due)
    assert town.market.arbiter.wallets.plans == []
    assert shown(one, ESCROW_ID)["moves_to"] == town.new_id
    assert shown(one, town.new_id)["succeeds"] == ESCROW_ID


def test_moved_money_funds_the_successor_and_its_surplus_is_the_buyers(town: Town) -> None:
    town.agree()
    town.move(town.buyer)
    town.move(town.vendor)
    fee = 7_000_000_000

    for trader in (town.buyer, town.vendor):
        trader.wallets.in_later = Sighting(
            (Output("cd" * 32, 0, ATOMIC - fee, 130),), 150, 1_700_000_000
        )
        trader.seconds += 1_000
    town.settle()

    assert town.new.state is State.FUNDED
    due = town.new.agreement.terms.amount_due
    assert due == ATOMIC - RESERVE[town.new.agreement.terms.network] == 950_000_000_000
    (row,) = deciding.choose(town.buyer.opened, town.new_id, Decision.RELEASE).consent.endings
    assert (row.buyer, row.vendor) == ("0.043", "0.95")


def test_a_successor_has_all_terms_of_the_old_escrow_but_the_arbiter(town: Town) -> None:
    town.agree(town.vendor)
    old, new = terms(), town.new.agreement.terms

    assert new.succeeds is not None
    assert (new.succeeds.escrow_id, new.succeeds.contract_id) == (
        ESCROW_ID,
        town.market.record.contract_id,
    )
    assert (new.fees.arbiter_bps, new.fees.bearer) == (250, old.fees.bearer)
    before = town.buyer.desk.details(town.buyer.case)
    case = town.buyer.desk.cases.get(town.new_id)
    assert case is not None
    after = town.buyer.desk.details(case)
    for role in (BUYER, VENDOR):
        assert after[role].address == before[role].address
    assert after[VENDOR].subject == before[BUYER].subject == "a bicycle"


def test_a_move_is_shown_with_the_new_arbiter_and_the_amounts_before_it_is_signed(
    town: Town,
) -> None:
    town.agree()

    asked = resolving.move(town.vendor.opened, town.new_id)

    facts = dict(asked.consent.facts)
    assert facts["from escrow"] == ESCROW_ID
    assert facts["in the wallet"] == "1 XMR confirmed"
    assert (facts["amount so far"], facts["amount"]) == ("1 XMR", "0.95 XMR")
    assert facts["moved to"] == OTHER_ADDRESS
    (arbiter,) = (row for row in asked.rows if row.role is ARBITER)
    assert arbiter.account == "erin"
    assert arbiter.fingerprint == town.erin.opened.identity.public.fingerprint


def test_nobody_is_asked_to_pay_into_a_successor(town: Town) -> None:
    town.agree()

    assert open_verbs(town.new, BUYER) == ("move", "settle", "dispute")
    assert open_verbs(town.new, VENDOR) == ("move", "refund", "settle", "dispute", "cancel")
    assert open_verbs(town.new, ARBITER) == ()
    choice = resolving.move(town.buyer.opened, ESCROW_ID)
    assert "buyer pays in" not in dict(choice.consent.facts)


def test_a_move_waits_until_all_three_have_attested_the_address(town: Town) -> None:
    town.propose()
    town.accept(town.vendor)

    with pytest.raises(SuccessorNotReady):
        resolving.move(town.buyer.opened, ESCROW_ID)


def test_who_has_signed_waits_for_the_other(town: Town) -> None:
    town.agree()
    town.move(town.buyer)

    with pytest.raises(MoveOffered):
        resolving.move(town.buyer.opened, ESCROW_ID)
    agreed = resolving.agree(town.vendor.opened, ESCROW_ID, ruling=False)
    assert agreed.decision is Decision.AGREE
    with pytest.raises(OtherThanExpected):  # ``agree --yes`` is about splits and rulings
        resolving.expect(agreed, vendor_share=None, vendor_bps=None)


def test_on_the_agents_own_page_the_money_is_moved_like_any_other_decision(town: Town) -> None:
    town.agree()
    reader = Reader(town.vendor)
    reader.enter()
    page = reader.get(f"/escrow/{town.new_id}")
    assert "Sign that the money is moved" in page.text
    assert f"/escrow/{town.new_id}/move" in page.body
    assert "Nobody pays in" in page.text
    assert f"/escrow/{ESCROW_ID}/replace_arbiter" in reader.get(f"/escrow/{ESCROW_ID}").body
    assert "The new arbiter" in reader.get(f"/escrow/{ESCROW_ID}/replace_arbiter").text

    asked = reader.get(f"/escrow/{town.new_id}/move")
    assert "erin" in asked.text
    assert OTHER_ADDRESS in asked.text
    assert reader.say_yes(asked).status == 303
    town.settle()

    assert waiting_on(town.market.record) == ((BUYER, "move"),)
    offered = reader.get(f"/escrow/{ESCROW_ID}").text
    assert "all of it to the new arbiter's escrow" in offered


# Lies


def test_a_move_to_anything_but_the_own_wallets_address_is_not_agreed_to(town: Town) -> None:
    town.agree()
    for lie in (
        replace(town.ready(), address=DEPOSIT_ADDRESS),
        replace(town.ready(), address=ERIN_IS_PAID_AT),
        replace(town.ready(), contract_id="ab" * 32),
    ):
        town.offer(town.buyer, lie)

        with pytest.raises(MoveElsewhere):
            resolving.move(town.vendor.opened, ESCROW_ID)


def test_a_move_to_an_address_that_the_own_wallet_never_showed_is_not_signed(town: Town) -> None:
    """As if the human had been tricked, or the journal changed: the agent looks again."""
    town.agree()
    town.move(town.buyer)
    choice = resolving.move(town.vendor.opened, ESCROW_ID)
    for trader in (town.buyer, town.vendor):
        case = trader.desk.cases.get(town.new_id)
        assert case is not None
        ref = trader.desk.book.assigned(town.new_id, case.record.attempt)
        assert ref is not None
        trader.desk.book.note_address(ref.name, ERIN_IS_PAID_AT)

    resolving.store(town.vendor.opened, choice)
    town.settle()

    for trader in (town.buyer, town.vendor):
        assert trader.wallets.plans == []
    assert town.buyer.case.frozen is not None
    assert town.buyer.case.frozen.code == "move_elsewhere"


def test_a_move_to_an_escrow_of_others_is_refused(town: Town) -> None:
    town.offer(town.buyer, Successor("77" * 16, "ab" * 32, ERIN_IS_PAID_AT))

    with pytest.raises(Refused) as refused:
        resolving.move(town.vendor.opened, ESCROW_ID)
    assert refused.value.code == "escrow_unknown_here"


def test_a_move_to_an_ordinary_escrow_of_the_same_three_is_refused(town: Town) -> None:
    """Its terms name nothing that they succeed."""
    town.propose(succeeds=None)
    town.accept(
        town.vendor,
        "47bBPiLjxPCAVWhVJf25fDWNroMXhEyvrET8GPxhqZWw5b7NCJJzgnQiV1VYXLi213iTtLE5MkMFG7DBueJ1zDib4V46MzG",
    )
    town.accept(town.erin, ERIN_IS_PAID_AT)
    town.offer(town.buyer, town.ready())

    with pytest.raises(SuccessorDiffers):
        resolving.move(town.vendor.opened, ESCROW_ID)


def test_a_successor_with_other_terms_is_not_accepted(town: Town) -> None:
    town.propose(amount=ATOMIC + 1)

    with pytest.raises(SuccessorDiffers):
        town.accept(town.vendor)


def test_a_trader_is_paid_where_it_was_to_be_paid_before(town: Town) -> None:
    town.propose()
    with pytest.raises(SuccessorDiffers):
        town.accept(town.vendor, ERIN_IS_PAID_AT)
    with pytest.raises(AddressMissing):
        town.accept(town.erin)


def test_an_agent_does_not_sign_terms_in_which_another_trader_is_paid_elsewhere(
    town: Town,
) -> None:
    town.propose()
    content: dict[str, Json] = {
        "proposal": town.new.proposal,
        "address": "44C7HApNizAg8Uk74zDVmwKWARnLSedsB91k5t3ULWHR2vjn3p3iPmU2DTN731zCyx8MHqJue9DfeJb4xxdJB73AKL51nPi",
        "subject": None,
        "salt": "00" * 16,
    }
    Decisions(town.vendor.opened.journal).decide(town.new_id, Decision.ACCEPT, content)
    town.settle()
    town.accept(town.erin, ERIN_IS_PAID_AT)

    assert BUYER not in town.new.signed
    assert "successor_differs" in town.buyer.alarms


def test_the_buyer_can_not_have_the_move_come_back_by_calling_the_successor_off(
    town: Town,
) -> None:
    """Money that reaches an escrow that was called off is refunded: that would rob the vendor."""
    town.agree()
    town.move(town.buyer)
    town.move(town.vendor)

    for trader in (town.buyer, town.erin):
        trader.decide(Decision.CANCEL, town.new_id)
        town.settle()
        assert SuccessorBinds.code in trader.alarms
    assert town.new.state is State.AWAITING_DEPOSIT


def test_nothing_is_signed_toward_a_successor_that_its_vendor_called_off(town: Town) -> None:
    town.agree()
    town.move(town.buyer)
    choice = resolving.move(town.vendor.opened, ESCROW_ID)
    town.vendor.decide(Decision.CANCEL, town.new_id)
    town.settle()
    assert town.new.state is State.CANCELLED

    resolving.store(town.vendor.opened, choice)
    town.settle()

    assert town.market.record.state is State.SETTLING
    assert town.buyer.wallets.plans == town.vendor.wallets.plans == []
    assert "successor_not_ready" in town.buyer.alarms


def test_a_move_that_was_held_back_until_the_vendor_gave_up_is_not_refunded_by_itself(
    town: Town,
) -> None:
    """Else a buyer who signs last could wait for that, and get everything."""
    town.agree()
    town.vendor.decide(Decision.CANCEL, town.new_id)
    town.settle()
    for trader in (town.buyer, town.vendor):
        trader.wallets.in_later = Sighting((Output("cd" * 32, 0, ATOMIC, 130),), 150, 1_700_000_000)
        trader.seconds += 1_000

    town.settle()

    assert town.new.state is State.REFUNDING
    assert town.vendor.wallets.plans == []
    assert "consent_missing" in town.vendor.alarms
    resolving.dispute(town.vendor.opened, town.new_id, "it was the move")


def test_what_was_paid_out_before_is_not_called_a_move(town: Town) -> None:
    town.agree()
    town.buyer.decide(Decision.RELEASE)
    town.settle()

    town.offer(town.vendor, town.ready())

    assert PayoutAlreadyBroadcast.code in town.vendor.alarms
    assert town.market.record.offers == {}


def test_an_arbiter_whose_agent_is_away_is_not_proposed(town: Town) -> None:
    with pytest.raises(ArbiterOffline):
        replacing.prepare(
            town.buyer.opened, ESCROW_ID, arbiter="away", arbiter_bps=0, directory=town
        )
