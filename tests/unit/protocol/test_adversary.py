"""Three parties and an adversary who holds the wires, through every kind of escrow.

Hypothesis chooses who speaks, what the clock and the chain say, and when the adversary replays,
forges, alters or holds messages back. After every step the laws below are asked of the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.budget import FACTOR, budget
from tests.unit.protocol.trade import DEPOSIT_ADDRESS, Trade
from tripartite.domain.deposits import LEAST_LATE, Report
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import (
    CLOSED,
    PAYOUT_STATES,
    RULINGS,
    Event,
    State,
    Step,
    Teller,
    is_open,
)
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import ALL_BPS
from tripartite.protocol import snapshot
from tripartite.protocol.admission import Admission, admit, observe, open_record
from tripartite.protocol.bodies import write_report, write_seen
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message
from tripartite.protocol.identity import Identity
from tripartite.protocol.next_step import (
    AcceptTerms,
    BuildPayout,
    CosignPayout,
    ExportInfo,
    KeyExchange,
    SignTerms,
    next_step,
)
from tripartite.protocol.record import Record, transcript
from tripartite.protocol.signing import SignatureInvalid

roles = st.sampled_from(Role)
traders = st.sampled_from([Role.BUYER, Role.VENDOR])
OUTCOMES: Final = (Event.RELEASE_CONFIRMED, Event.REFUND_CONFIRMED, Event.SETTLEMENT_CONFIRMED)
CONSENTS: Final[Mapping[Event, Kind]] = {
    Event.RELEASE_SIGNED: Kind.RELEASE,
    Event.REFUND_SIGNED: Kind.REFUND,
    Event.SETTLEMENT_AGREED: Kind.SETTLEMENT_ACCEPT,
    **dict.fromkeys(RULINGS, Kind.RULING),
}


@cache
def identities() -> dict[Role, Identity]:
    """Keys are slow to make; all trades may share them."""
    return {role: Identity.generate() for role in Role}


@cache
def stranger() -> Identity:
    return Identity.generate()


@dataclass(frozen=True)
class Begun:
    """How far an escrow is when the parties meet the adversary."""

    record: Record
    log: tuple[Admission, ...]


STAGES: Final = (
    "proposed",
    "signed",
    "keyed",
    "funded",
    "offered",
    "disputed",
    "releasing",
    "completed",
)


@cache
def begun(stage: str) -> Begun:
    trade, far = Trade(identities()), STAGES.index(stage)
    trade.propose()
    if far >= STAGES.index("signed"):
        for role in (Role.VENDOR, Role.ARBITER):
            trade.accept(role)
        for role in Role:
            trade.say(role, Kind.SIGN_TERMS)
    if far >= STAGES.index("keyed"):
        trade.key()
    if far >= STAGES.index("funded"):
        trade.fund()
    if stage == "offered":
        trade.say(Role.VENDOR, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})
    if stage == "disputed":
        reason = trade.sealed(Role.BUYER, Kind.DISPUTE, "text", "x", attempt=0, round_=0)
        trade.say(Role.BUYER, Kind.DISPUTE, reason)
    if stage in {"releasing", "completed"}:
        trade.say(Role.BUYER, Kind.RELEASE)
    if stage == "completed":
        trade.pay(txid="ef" * 32)
        trade.record, _ = observe(trade.now, Event.RELEASE_CONFIRMED, by=Teller.CHAIN)
    return Begun(trade.now, tuple(trade.log))


class Escrow(RuleBasedStateMachine):
    """One escrow; ``trade`` is the coordinator's record, ``wire`` all that was ever written."""

    @initialize(stage=st.sampled_from(STAGES))
    def begin(self, stage: str) -> None:
        start = begun(stage)
        self.trade = Trade(identities(), record=start.record)
        self.words: list[Message] = [one.message for one in start.log]
        self.wire = [one.text for one in self.words]
        self.held: list[str] = []
        self.before = self.trade.now
        self.steps: tuple[Step, ...] = ()
        self.ids = 2  # below are those of a payout that parties say they saw

    @property
    def offers(self) -> list[Message]:
        return [one for one in self.words if one.kind is Kind.SETTLEMENT_OFFER]

    # What honest parties do

    @rule(role=roles)
    def a_party_does_its_next_step(self, role: Role) -> None:
        trade, record = self.trade, self.trade.now
        match next_step(record, role):
            case AcceptTerms():
                details = trade.details(role, Kind.ACCEPT)
                self.say(role, Kind.ACCEPT, {"proposal": record.proposal, "details": details})
            case SignTerms():
                self.say(role, Kind.SIGN_TERMS, {})
            case KeyExchange(attempt, Round.ATTEST):
                seen: dict[str, Json] = {
                    "address": DEPOSIT_ADDRESS,
                    "transcript": transcript(record),
                }
                self.say(role, Kind.ATTEST, seen, attempt=attempt, round_=Round.ATTEST)
            case KeyExchange(attempt, this):
                self.say_sealed(role, Kind.KEY_EXCHANGE, attempt=attempt, round_=this)
            case ExportInfo(attempt):
                self.say_sealed(role, Kind.PAYOUT_INFO, attempt=attempt, round_=1)
            case BuildPayout(attempt):
                txset = trade.txset(role, attempt=attempt)
                self.say(role, Kind.PAYOUT_TXSET, txset, attempt=attempt, round_=2)
            case CosignPayout(attempt):
                self.ids += 1
                sent = {"txid": f"{self.ids:064x}", "tx": "00"}
                self.say(role, Kind.PAYOUT_BROADCAST, sent, attempt=attempt, round_=3)
            case _:
                pass

    @rule()
    def everybody_does_what_is_next(self) -> None:
        for role in Role:
            self.a_party_does_its_next_step(role)

    @precondition(lambda self: self.trade.now.payout)
    @rule(kind=st.sampled_from([Kind.PAYOUT_TXSET, Kind.PAYOUT_BROADCAST]), right=st.booleans())
    def a_signer_hurries(self, kind: Kind, right: bool) -> None:
        payout = self.trade.now.payout
        assert payout is not None
        attempt = payout.attempt
        role = payout.builder if (kind is Kind.PAYOUT_TXSET) is right else payout.cosigner
        if kind is Kind.PAYOUT_TXSET:
            self.say(role, kind, self.trade.txset(role, attempt=attempt), attempt=attempt, round_=2)
        else:
            self.ids += 1
            sent = {"txid": f"{self.ids:064x}", "tx": "00"}
            self.say(role, kind, sent, attempt=attempt, round_=3)

    @rule(role=roles, confirmed=st.sampled_from([0, 1, LEAST_LATE, ATOMIC, ATOMIC, 2 * ATOMIC]))
    def a_wallet_reports(self, role: Role, confirmed: int) -> None:
        report = Report(confirmed=confirmed, pending=0, locked=0, height=120)
        self.say(role, Kind.DEPOSIT_REPORT, write_report(report))

    @rule(role=roles, kind=st.sampled_from([Kind.RELEASE, Kind.REFUND]))
    def somebody_gives_in(self, role: Role, kind: Kind) -> None:
        self.say(role, kind, {})

    @rule(role=roles, share=st.sampled_from([0, 1, ATOMIC, ATOMIC + 1]))
    def a_split_is_offered(self, role: Role, share: int) -> None:
        self.say(role, Kind.SETTLEMENT_OFFER, {"vendor_share": str(share)})

    @precondition(lambda self: self.offers)
    @rule(role=roles, data=st.data())
    def a_split_is_agreed(self, role: Role, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(self.offers[-3:]))
        self.say(role, Kind.SETTLEMENT_ACCEPT, {"offer": offer.digest})

    @rule(role=roles, kind=st.sampled_from([Kind.DISPUTE, Kind.STATEMENT]))
    def somebody_argues(self, role: Role, kind: Kind) -> None:
        self.say_sealed(role, kind)

    @rule(role=roles, bps=st.sampled_from([0, 1, 5_000, ALL_BPS]), cosigner=traders)
    def somebody_rules(self, role: Role, bps: int, cosigner: Role) -> None:
        self.say(role, Kind.RULING, {"vendor_bps": bps, "cosigner": cosigner.value})

    @rule(role=roles, kind=st.sampled_from([Kind.KEY_EXCHANGE_RESTART, Kind.PAYOUT_RESTART]))
    def a_round_is_thrown_away(self, role: Role, kind: Kind) -> None:
        payout = self.trade.now.payout
        keying = kind is Kind.KEY_EXCHANGE_RESTART
        attempt = self.trade.now.attempt if keying else payout.attempt if payout else 1
        self.say(role, kind, {"reason": "in_doubt"}, attempt=attempt)

    @rule(role=roles, number=st.integers(0, 2), outcome=st.sampled_from(OUTCOMES))
    def a_payout_is_seen(self, role: Role, number: int, outcome: Event) -> None:
        self.say(role, Kind.PAYOUT_SEEN, write_seen(f"{number:064x}", outcome))

    @rule(role=roles)
    def it_is_called_off(self, role: Role) -> None:
        self.say(role, Kind.CANCEL, {"reason": "no_time"})

    # What nobody says

    @rule(
        event=st.sampled_from(
            [Event.EXPIRED, Event.DEADLINE_PASSED, Event.PAYOUT_VANISHED, *OUTCOMES]
        )
    )
    def the_clock_or_the_chain_tells(self, event: Event) -> None:
        record = self.trade.now
        by = Teller.CLOCK if event in {Event.EXPIRED, Event.DEADLINE_PASSED} else Teller.CHAIN
        mined = event in record.broadcasts.values() or event not in OUTCOMES
        if mined and is_open(record.state, event, by=by):
            after, step = observe(record, event, by=by)
            if by is Teller.CLOCK:
                assert after.state not in PAYOUT_STATES or after.state is record.state
                assert after.payout == record.payout
            self.moved(after, (step,))

    # What the adversary does

    @rule(data=st.data())
    def an_old_message_is_said_again(self, data: st.DataObject) -> None:
        self.unmoved(data.draw(st.sampled_from(self.wire)))

    @rule(role=roles, kind=st.sampled_from(Kind), data=st.data())
    def words_are_put_into_a_mouth(self, role: Role, kind: Kind, data: st.DataObject) -> None:
        others = [self.trade.identities[one] for one in role.others()]
        signer = data.draw(st.sampled_from([stranger(), *others]))
        body = data.draw(st.sampled_from([dict(one.body) for one in self.words[-5:]]))
        text = self.trade.write(role, kind, body, signer=signer)
        with pytest.raises(SignatureInvalid):
            admit(self.trade.now, text)

    @rule(data=st.data())
    def a_message_is_altered(self, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(self.wire[-8:]))
        at = data.draw(st.integers(0, len(text) - 1))
        letter = data.draw(st.sampled_from("Aa0_.é"))
        self.unmoved(text[:at] + letter + text[at + 1 :], altered=letter != text[at])

    @rule(role=roles, data=st.data())
    def a_message_is_held_back(self, role: Role, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from([Kind.RELEASE, Kind.REFUND, Kind.CANCEL]))
        body: dict[str, Json] = {"reason": "no_time"} if kind is Kind.CANCEL else {}
        self.held.append(self.trade.write(role, kind, body))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def what_was_held_is_let_go_in_another_order(self, data: st.DataObject) -> None:
        self.hear(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    # How it is done

    def say(
        self, role: Role, kind: Kind, body: Mapping[str, Json], *, attempt: int = 0, round_: int = 0
    ) -> None:
        self.hear(self.trade.write(role, kind, body, attempt=attempt, round_=round_))

    def say_sealed(self, role: Role, kind: Kind, *, attempt: int = 0, round_: int = 0) -> None:
        body = self.trade.sealed(role, kind, "text", "x", attempt=attempt, round_=round_)
        self.say(role, kind, body, attempt=attempt, round_=round_)

    def hear(self, text: str) -> None:
        self.wire.append(text)
        try:
            admission = admit(self.trade.now, text)
        except (Refused, Tampered):
            return
        assert not admission.duplicate
        self.words.append(admission.message)
        self.moved(admission.record, admission.steps)

    def unmoved(self, text: str, *, altered: bool = False) -> None:
        """Said before, or garbled: at most a duplicate, unless it was held back and fits now."""
        if text in self.wire and text not in {one.text for one in self.words}:
            return
        try:
            admission = admit(self.trade.now, text)
        except (Refused, Tampered):
            return
        assert admission.duplicate
        assert not altered
        assert admission.record == self.trade.now

    def moved(self, after: Record, steps: tuple[Step, ...]) -> None:
        self.before, self.steps = self.trade.now, steps
        self.trade.record = after

    # The laws

    @invariant()
    def steps_lead_from_the_state_before_to_the_state_now(self) -> None:
        at = self.before.state
        for step in self.steps:
            assert step.before is at
            at = step.after
        assert at is self.trade.now.state

    @invariant()
    def what_is_over_is_opened_only_by_late_money(self) -> None:
        if self.before.state in CLOSED and self.trade.now.state is not self.before.state:
            assert [step.event for step in self.steps] == [Event.DEPOSIT_ARRIVED_LATE]
            assert self.trade.now.state is State.REFUNDING

    @invariant()
    def a_payout_has_the_consent_that_its_ending_asks_for(self) -> None:
        payout = self.trade.now.payout
        if payout is None or payout == self.before.payout:
            return
        if payout.event is Event.DEPOSIT_ARRIVED_LATE:
            if self.before.state is not State.CANCELLED:
                # What came after the end is told apart from what came before it.
                said_late = {**self.before.late, self.words[-1].role: None}
                assert len(said_late) > 1
            assert payout.signers == (Role.VENDOR, Role.BUYER)
            return
        consents = [one for one in self.words if one.kind is CONSENTS[payout.event]]
        match payout.event:
            case Event.RELEASE_SIGNED:
                assert payout.signers == (Role.BUYER, Role.VENDOR)
                assert consents[-1].role is Role.BUYER
            case Event.REFUND_SIGNED:
                assert payout.signers == (Role.VENDOR, Role.BUYER)
                assert consents[-1].role is Role.VENDOR
            case Event.SETTLEMENT_AGREED:
                offer = next(one for one in self.words if one.digest == consents[-1].body["offer"])
                assert payout.signers == (offer.role, consents[-1].role)
                assert set(payout.signers) == {Role.BUYER, Role.VENDOR}
                assert str(payout.vendor_share) == offer.body["vendor_share"]
            case _:
                assert consents[-1].role is payout.builder is Role.ARBITER
                assert payout.cosigner.value == consents[-1].body["cosigner"]
                assert payout.vendor_bps == consents[-1].body["vendor_bps"]

    @invariant()
    def every_transaction_is_two_parties_word(self) -> None:
        for txid in self.trade.now.broadcasts:
            assert len(self.stand_behind(txid)) > 1, txid

    def stand_behind(self, txid: str) -> set[Role]:
        """Who has signed for it: the cosigner and the builder of its attempt, or who saw it."""
        found: set[Role] = set()
        for number, one in enumerate(self.words):
            if one.kind is Kind.PAYOUT_SEEN and one.body["txid"] == txid:
                found.add(one.role)
            if one.kind is Kind.PAYOUT_BROADCAST and one.body["txid"] == txid:
                found.add(one.role)
                found |= {
                    other.role
                    for other in self.words[:number]
                    if other.kind is Kind.PAYOUT_TXSET and other.attempt == one.attempt
                }
        return found

    @invariant()
    def the_record_is_all_there_is(self) -> None:
        record = self.trade.now
        assert snapshot.from_json(snapshot.to_json(record)) == record
        if record.address is not None:
            assert set(record.attested) == set(Role) or record.state not in {State.KEYING}
        if record.state in PAYOUT_STATES:
            assert record.payout is not None or record.broadcasts

    @invariant()
    def every_party_can_be_told_what_to_do(self) -> None:
        for role in Role:
            next_step(self.trade.now, role)


TestEscrow = Escrow.TestCase
TestEscrow.settings = budget(60, steps=30, shrink=FACTOR > 1)


@budget(25)
@given(data=st.data())
def test_the_same_words_in_any_order_make_the_same_wallet(data: st.DataObject) -> None:
    """Up to the address nobody's word depends on when the others' arrive, but on the rounds."""
    whole = begun("keyed")
    waiting = {
        role: [one.message.text for one in whole.log if one.message.role is role] for role in Role
    }
    record = open_record(waiting[Role.BUYER].pop(0)).record

    while any(waiting.values()):
        able: list[tuple[Role, Record]] = []
        for role in data.draw(st.permutations([one for one in Role if waiting[one]])):
            try:
                able.append((role, admit(record, waiting[role][0]).record))
            except Refused:
                continue  # it comes again, when the others have spoken
        role, record = able[0]
        waiting[role].pop(0)

    assert record == whole.record
