"""A malicious coordinator: what it tells three honest agents, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.functional.kit.pen import Pen, record_of
from tests.liars.court import Court, frozen
from tests.liars.lies import lie
from tests.liars.postman import Lie, Mail, Object, Question, Reply
from tripartite.devnet.deals import Deal
from tripartite.devnet.party import CommandFailed
from tripartite.domain.deposits import Report
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import write_report
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message, read_envelope, write_envelope
from tripartite.protocol.identity import Identity

COORDINATOR = "coordinator"
BUYER, VENDOR, ARBITER = Role
ALL_OF_IT: dict[str, Json] = write_report(
    Report(confirmed=2 * ATOMIC, pending=0, locked=0, height=1_000)
)


# Before there is an escrow


@lie("swaps-identity-keys-in-the-directory", by=COORDINATOR, answer="fingerprint_unexpected")
def test_a_swapped_identity_is_not_the_fingerprint_that_the_vendor_gave(court: Court) -> None:
    """The theft of May 2026: whoever hands out the keys hands out its own."""
    thief = Identity.generate().public

    class Swapped(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            if asked.path != f"/api/accounts/{court.market.vendor.name}":
                return honest
            identity = thief.to_json()
            return Reply(200, {**honest.body, "identity": identity, "fingerprint": "AAAA"})

    with court.postman.telling(Swapped()), pytest.raises(CommandFailed) as refused:
        court.market.proposed_deal()

    # One who deals with this vendor for the first time has only the fingerprint; one who has dealt
    # with them before has the key, too.
    codes = (f"[{court.answer}]", "[contact_key_changed]")
    assert any(code in str(refused.value) for code in codes)
    assert court.market.proposed_deal().state is State.CREATED


@lie("swaps-the-key-of-a-known-contact", by=COORDINATOR, answer="contact_key_changed")
def test_a_known_contact_with_another_key_is_refused_whatever_is_expected(court: Court) -> None:
    court.market.proposed_deal()
    thief = Identity.generate().public

    class Swapped(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            if asked.path != f"/api/accounts/{court.market.vendor.name}":
                return honest
            identity = thief.to_json()
            return Reply(200, {**honest.body, "identity": identity})

    buyer, vendor, arbiter = court.market.buyer, court.market.vendor, court.market.arbiter
    with court.postman.telling(Swapped()), pytest.raises(CommandFailed) as refused:
        buyer.run(
            "propose", "--vendor", vendor.name, "--arbiter", arbiter.name, "--amount", "1",
            "--refund-address", buyer.address, "--subject", "a lamp",
            "--expect-fingerprint", thief.fingerprint,
            "--expect-fingerprint", arbiter.fingerprint, "--yes",
        )  # fmt: skip

    assert f"[{court.answer}]" in str(refused.value)


@lie("changes-an-amount-in-the-proposal", by=COORDINATOR, answer="signature_invalid")
def test_a_proposal_with_another_amount_is_never_shown_to_the_vendor(court: Court) -> None:
    class Cheaper(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            message = read_envelope(item.text)
            if (to, message.kind) != (VENDOR, Kind.PROPOSE):
                return [item]
            return [_changed(item, message, amount="1")]

    with court.postman.telling(Cheaper()):
        deal = court.market.proposed_deal()
        court.alarms(deal, VENDOR)
        assert not deal.vendor.has_heard()

    with pytest.raises(CommandFailed):
        deal.vendor.accept()
    court.postman.hang_up()
    deal.until(deal.arbiter.has_heard)
    deal.arbiter.accept()
    deal.until(deal.vendor.has_heard)


@lie("forges-an-acceptance", by=COORDINATOR, answer="signature_invalid")
def test_a_forged_acceptance_binds_nobody(court: Court) -> None:
    deal = court.market.proposed_deal()
    deal.until(deal.is_proposed_to_all)
    record = record_of(deal)
    text = court.forged(
        deal, VENDOR, Kind.ACCEPT,
        {"proposal": record.proposal, "details": {"hash": "ab" * 32, "sealed": {}}},
    )  # fmt: skip

    court.push_next(deal, BUYER, text)
    court.refuses(deal, BUYER)
    court.resume(deal, BUYER)

    deal.accept()
    deal.until(deal.is_agreed)


@lie("swaps-a-key-exchange-message", by=COORDINATOR, answer="signature_invalid")
def test_a_swapped_key_exchange_message_makes_no_wallet(court: Court) -> None:
    """With it, two of the three keys would be the coordinator's own."""
    deal = court.market.proposed_deal()
    deal.until(deal.is_proposed_to_all)

    class Swapped(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            message = read_envelope(item.text)
            if to is not BUYER or message.escrow_id != deal.escrow_id:
                return [item]
            if (message.kind, message.role) != (Kind.KEY_EXCHANGE, VENDOR):
                return [item]
            return [_changed(item, message, sealed={"ciphertext": "mine"})]

    with court.postman.telling(Swapped()):
        deal.accept()
        court.refuses(deal, BUYER)
        assert not deal.is_keyed()

    court.resume(deal, BUYER)
    deal.until(deal.is_keyed)


@lie("brings-a-message-of-another-escrow", by=COORDINATOR, answer="wrong_escrow")
def test_a_true_message_of_another_escrow_belongs_to_that_one(
    court: Court, open_deal: Deal
) -> None:
    other = court.market.proposed_deal()
    other.until(other.is_proposed_to_all)
    (proposal,) = court.said(other)

    court.push_next(open_deal, VENDOR, proposal)
    court.refuses(open_deal, VENDOR)
    court.resume(open_deal, VENDOR)


@lie("tells-an-agent-it-was-refused-and-forwards", by=COORDINATOR, answer="message_refused")
def test_an_agent_that_is_told_no_though_it_was_heard_says_nothing_twice(court: Court) -> None:
    deal = court.market.proposed_deal()
    deal.until(deal.is_proposed_to_all)

    class Denied(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            if asked.by is not VENDOR or asked.path != f"/api/escrow/{deal.escrow_id}/messages":
                return honest
            if asked.method != "POST" or honest.status >= 300:
                return honest
            if read_envelope(str(asked.body["envelope"])).kind is not Kind.SIGN_TERMS:
                return honest
            problem: Object = {"code": "move_not_open", "title": "No", "detail": "No."}
            return Reply(409, problem)

    with court.postman.telling(Denied()):
        deal.accept()
        deal.until(deal.is_agreed)

    deal.until(deal.is_keyed)
    court.alarms(deal, VENDOR)
    texts = court.said(deal)
    places = [(m.role, m.kind, m.attempt, m.round) for m in map(read_envelope, texts)]
    assert len(set(places)) == len(places)


# While there is an address, and no money yet


@lie("shows-a-different-deposit-address", by=COORDINATOR, answer="ignored")
def test_the_address_to_pay_is_the_one_that_the_own_wallet_shows(
    court: Court, open_deal: Deal
) -> None:
    mine = court.market.arbiter.address
    asked_for: list[str] = []

    class Redirected(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            asked_for.append(asked.path)
            return Reply(honest.status, {**honest.body, "address": mine})

        def news(self, to: Role, event: Object) -> Object:
            data = event.get("data")
            return {**event, "data": {**data, "address": mine}} if isinstance(data, dict) else event

    with court.postman.telling(Redirected()):
        court.market.buyer.kill()
        court.market.buyer.start()
        shown = court.market.buyer.run("status", "--json")

    assert open_deal.address in shown
    assert mine not in shown


@lie("claims-a-deposit-that-is-not-there", by=COORDINATOR, answer="signature_invalid")
def test_a_forged_deposit_report_funds_nothing(court: Court, open_deal: Deal) -> None:
    text = court.forged(open_deal, BUYER, Kind.DEPOSIT_REPORT, ALL_OF_IT)

    court.push_next(open_deal, VENDOR, text)
    court.refuses(open_deal, VENDOR)

    assert _state(open_deal, VENDOR) == State.AWAITING_DEPOSIT
    court.resume(open_deal, VENDOR)


@lie("says-completed-before-a-transaction-exists", by=COORDINATOR, answer="ignored")
def test_an_escrow_is_not_completed_because_the_coordinator_says_so(
    court: Court, open_deal: Deal
) -> None:
    lied_to: set[Role] = set()

    class Done(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            lied_to.add(asked.by)
            done: Object = {
                "state": "completed",
                "payout": {"txid": "ab" * 32, "confirmations": 10, "required": 10},
            }
            return Reply(honest.status, {**honest.body, **done})

        def news(self, to: Role, event: Object) -> Object:
            return {**event, "type": "TransactionConfirmed", "data": {"txid": "ab" * 32}}

    with court.postman.telling(Done()):
        court.postman.hang_up()
        court.market.until(lambda: lied_to == set(Role), what="everybody was told")
        for role in Role:
            assert _state(open_deal, role) is State.AWAITING_DEPOSIT
            assert _shown(open_deal, role)["payout"] is None
            assert "ab" * 32 not in open_deal.seats[role].party.run("status", "--json")


@lie("hides-a-deposit-that-is-there", by=COORDINATOR, answer="ignored")
def test_a_hidden_deposit_is_in_the_vendors_own_wallet_all_the_same(
    court: Court, open_deal: Deal
) -> None:
    """Nobody is told of funds; nobody loses them. The vendor's agent says what isn't heard."""
    deal = open_deal

    class Deaf(Lie):
        def instead(self, asked: Question) -> Reply | None:
            if asked.method == "POST" and asked.path.endswith(f"{deal.escrow_id}/messages"):
                return Reply(503, {"code": "busy"})
            return None

    with court.postman.telling(Deaf()):
        deal.pay()
        court.market.mine(10)
        deal.until(
            lambda: _shown(deal, VENDOR)["unsent"] == "deposit_report",
            what="the vendor's agent shows that its report isn't heard",
        )
        assert _state(deal, VENDOR) == State.AWAITING_DEPOSIT

    deal.mine_until(deal.is_funded)


# With money in it


@pytest.mark.parametrize(
    ("by", "to", "kind", "body"),
    [
        pytest.param(
            BUYER, VENDOR, Kind.RELEASE, {},
            marks=lie("forges-a-release", by=COORDINATOR, answer="signature_invalid"),
        ),
        pytest.param(
            VENDOR, BUYER, Kind.REFUND, {},
            marks=lie("forges-a-refund", by=COORDINATOR, answer="signature_invalid"),
        ),
        pytest.param(
            VENDOR, BUYER, Kind.SETTLEMENT_OFFER, {"vendor_share": "1"},
            marks=lie("forges-a-settlement-offer", by=COORDINATOR, answer="signature_invalid"),
        ),
        pytest.param(
            BUYER, VENDOR, Kind.SETTLEMENT_ACCEPT, {"offer": "ab" * 32},
            marks=lie("forges-a-settlement", by=COORDINATOR, answer="signature_invalid"),
        ),
        pytest.param(
            ARBITER, VENDOR, Kind.RULING, {"vendor_bps": 0, "cosigner": "buyer"},
            marks=lie("forges-a-ruling", by=COORDINATOR, answer="signature_invalid"),
        ),
    ],
)  # fmt: skip
def test_forged_consent_moves_no_money(
    court: Court, funded: Deal, *, by: Role, to: Role, kind: Kind, body: dict[str, Json]
) -> None:
    court.push_next(funded, to, court.forged(funded, by, kind, body))

    court.refuses(funded, to)

    assert _state(funded, to) == State.FUNDED
    court.resume(funded, to)


@lie("moves-a-word-into-another-mouth", by=COORDINATOR, answer="own_words_forged")
def test_words_in_the_agents_own_name_that_it_never_wrote_stop_it(
    court: Court, funded: Deal
) -> None:
    """Not even with the true key: then somebody else has it, and the party should know."""
    pen = Pen(funded, BUYER, court.market.identity(BUYER))

    court.push_next(funded, BUYER, pen.write(Kind.RELEASE, {}))
    court.refuses(funded, BUYER)

    assert _state(funded, BUYER) == State.FUNDED
    court.resume(funded, BUYER)


@lie("replays-an-old-message", by=COORDINATOR, answer="message_replayed")
def test_an_old_message_said_again_is_refused(court: Court, funded: Deal) -> None:
    old = next(t for t in court.said(funded) if read_envelope(t).role is BUYER)

    court.push_next(funded, VENDOR, old)
    court.refuses(funded, VENDOR)
    court.resume(funded, VENDOR)


@lie("duplicates-a-message", by=COORDINATOR, answer="message_repeated")
def test_the_latest_message_in_a_second_place_is_refused(court: Court, funded: Deal) -> None:
    latest = [t for t in court.said(funded) if read_envelope(t).role is BUYER][-1]

    court.push_next(funded, VENDOR, latest)
    court.refuses(funded, VENDOR)
    court.resume(funded, VENDOR)


@lie("delivers-a-message-twice", by=COORDINATOR, answer="ignored")
def test_the_same_message_in_the_same_place_is_heard_once(court: Court, funded: Deal) -> None:
    texts = court.said(funded)
    before = _shown(funded, VENDOR)

    items = [Mail(funded.escrow_id, at, text) for at, text in enumerate(texts, start=1)]
    court.postman.push(VENDOR, *items)
    # What comes after it has been heard, so it has been, too.
    court.push_next(funded, VENDOR, court.forged(funded, BUYER, Kind.RELEASE, {}))
    funded.until(lambda: frozen(funded, VENDOR) is not None)

    assert _shown(funded, VENDOR)["deposit"] == before["deposit"]
    assert frozen(funded, VENDOR) == "signature_invalid", "only the forged one was refused"
    court.resume(funded, VENDOR)


@lie("changes-a-payout-address-after-signing", by=COORDINATOR, answer="position_rewritten")
def test_a_signed_payout_address_cannot_be_changed_afterwards(court: Court, funded: Deal) -> None:
    texts = court.said(funded)
    at, accepted = next(
        (at, one)
        for at, one in enumerate(map(read_envelope, texts), start=1)
        if (one.kind, one.role) == (Kind.ACCEPT, VENDOR)
    )
    changed = _changed(Mail(funded.escrow_id, at, accepted.text), accepted, details={"hash": "ab"})

    court.postman.push(BUYER, changed)
    court.refuses(funded, BUYER)
    court.resume(funded, BUYER)


@lie("reorders-messages", by=COORDINATOR, answer="chain_broken")
def test_messages_in_another_order_break_their_speakers_chain(court: Court, funded: Deal) -> None:
    position = court.position(funded, VENDOR)
    pen = Pen(funded, BUYER, court.market.identity(BUYER))
    first = pen.write(Kind.SETTLEMENT_OFFER, {"vendor_share": "1"})
    one = read_envelope(first)
    second = pen.write(
        Kind.SETTLEMENT_OFFER, {"vendor_share": "2"}, seq=one.seq + 1, prev=one.digest
    )

    court.postman.push(
        VENDOR,
        Mail(funded.escrow_id, position + 1, second),
        Mail(funded.escrow_id, position + 2, first),
    )
    court.refuses(funded, VENDOR)
    court.resume(funded, VENDOR)


@lie("drops-a-message", by=COORDINATOR, answer="chain_broken")
def test_a_dropped_message_is_missed_at_the_next_one(court: Court, funded: Deal) -> None:
    """The buyer releases, the vendor isn't told; what the buyer says next doesn't follow."""
    position = court.position(funded, VENDOR)
    closed_up = [position + 1]

    class Dropped(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            if to is not VENDOR or item.escrow_id != funded.escrow_id:
                return [item]
            if item.position <= position:
                return [item]
            if read_envelope(item.text).kind is Kind.RELEASE:
                return []
            moved = Mail(item.escrow_id, closed_up[0], item.text)
            closed_up[0] += 1
            return [moved]

    with court.postman.telling(Dropped()):
        funded.buyer.release()
        court.refuses(funded, VENDOR)
        assert _state(funded, VENDOR) == State.FUNDED
        assert funded.overview().txid is None

    court.resume(funded, VENDOR)


def test_after_all_these_lies_the_vendor_is_paid_what_was_agreed(
    court: Court, funded: Deal
) -> None:
    if funded.state is State.FUNDED:
        funded.buyer.release()
    funded.finish()

    assert funded.received(VENDOR) == funded.amount - funded.payout_fee()
    for role in Role:
        assert frozen(funded, role) is None
    assert court.market.audit_is_intact()


def _changed(item: Mail, message: Message, **body: Json) -> Mail:
    """The same message with another content, signed by somebody else."""
    if message.kind is Kind.PROPOSE:
        terms = message.body["terms"]
        assert isinstance(terms, dict)
        body = {"terms": {**terms, **body}}
    text = write_envelope(
        Identity.generate(),
        escrow_id=message.escrow_id,
        contract_id=message.contract_id,
        role=message.role,
        kind=message.kind,
        seq=message.seq,
        prev=message.prev,
        body={**message.body, **body},
        attempt=message.attempt,
        round_=message.round,
    )
    return Mail(item.escrow_id, item.position, text)


def _shown(deal: Deal, role: Role) -> dict[str, object]:
    shown = deal.seats[role].party.escrow(deal.escrow_id)
    assert shown is not None
    return dict(shown)


def _state(deal: Deal, role: Role) -> State:
    """Where this party's own agent says that the deal stands."""
    return State(str(_shown(deal, role)["state"]))
