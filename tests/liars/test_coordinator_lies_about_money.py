"""A malicious coordinator of an escrow with money in it, and what three honest agents answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.functional.daemons import NOBODY
from tests.functional.kit.pen import Pen
from tests.liars.court import Court, changed, frozen, shown_state
from tests.liars.lies import lie
from tests.liars.postman import Lie, Mail, Object, Question, Reply
from tripartite.devnet.deals import Deal
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import write_move
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.record import Successor

COORDINATOR = "coordinator"
BUYER, VENDOR, ARBITER = Role


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
            VENDOR, BUYER, Kind.SETTLEMENT_OFFER,
            write_move(Successor("cd" * 16, "ef" * 32, NOBODY)),
            marks=lie("forges-a-move", by=COORDINATOR, answer="signature_invalid"),
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

    assert shown_state(funded, to) == State.FUNDED
    court.resume(funded, to)


@lie("moves-a-word-into-another-mouth", by=COORDINATOR, answer="own_words_forged")
def test_words_in_the_agents_own_name_that_it_never_wrote_stop_it(
    court: Court, funded: Deal
) -> None:
    """Not even with the true key: then somebody else has it, and the party should know."""
    pen = Pen(funded, BUYER, court.market.identity(BUYER))

    court.push_next(funded, BUYER, pen.write(Kind.RELEASE, {}))
    court.refuses(funded, BUYER)

    assert shown_state(funded, BUYER) == State.FUNDED
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
    before = funded.seats[VENDOR].status()

    items = [Mail(funded.escrow_id, at, text) for at, text in enumerate(texts, start=1)]
    court.postman.push(VENDOR, *items)
    # What comes after it has been heard, so it has been, too.
    court.push_next(funded, VENDOR, court.forged(funded, BUYER, Kind.RELEASE, {}))
    funded.until(lambda: frozen(funded, VENDOR) is not None)

    assert funded.seats[VENDOR].status()["deposit"] == before["deposit"]
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
    other = changed(Mail(funded.escrow_id, at, accepted.text), accepted, details={"hash": "ab"})

    court.postman.push(BUYER, other)
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
    """The vendor isn't told of the buyer's offer; what the buyer says next doesn't follow."""
    position = court.position(funded, VENDOR)

    class Dropped(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            if to is not VENDOR or item.escrow_id != funded.escrow_id:
                return [item]
            if item.position <= position:
                return [item]
            if item.position == position + 1:
                return []
            return [Mail(item.escrow_id, item.position - 1, item.text)]

    with court.postman.telling(Dropped()):
        funded.buyer.settle(vendor_share=funded.amount // 4)
        funded.buyer.settle(vendor_share=funded.amount // 2)
        court.refuses(funded, VENDOR)

    assert funded.seats[VENDOR].status()["offers"] == {}
    court.resume(funded, VENDOR)


@lie("tells-an-agent-it-was-refused-and-forwards", by=COORDINATOR, answer="message_refused")
def test_an_agent_that_is_told_no_though_it_was_heard_says_nothing_twice(
    court: Court, funded: Deal
) -> None:
    """The words are multisig data: said anew, one payout would have two signatures."""

    class Denied(Lie):
        noticed = False

        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            # Told by both ways at once, an agent that heard the truth first has nothing to notice.
            message = read_envelope(item.text)
            own = (to, message.role, message.kind) == (VENDOR, VENDOR, Kind.PAYOUT_INFO)
            return [] if own and not self.noticed else [item]

        def reply(self, asked: Question, honest: Reply) -> Reply:
            if asked.by is not VENDOR or asked.path != f"/api/escrow/{funded.escrow_id}/messages":
                return honest
            if asked.method != "POST" or honest.status >= 300:
                return honest
            if read_envelope(str(asked.body["envelope"])).kind is not Kind.PAYOUT_INFO:
                return honest
            problem: Object = {"code": "move_not_open", "title": "No", "detail": "No."}
            return Reply(409, problem)

    denied = Denied()
    with court.postman.telling(denied):
        funded.buyer.release()
        court.alarms(funded, VENDOR)
        denied.noticed = True
        court.postman.hang_up()
        funded.until(funded.is_broadcast)

    texts = map(read_envelope, court.said(funded))
    paying = [m for m in texts if m.kind in (Kind.PAYOUT_INFO, Kind.PAYOUT_TXSET)]
    assert len({(m.role, m.kind, m.attempt) for m in paying}) == len(paying)
    assert funded.signed_payouts() == 1

    # And that is the end of an escrow that went through all the lies above.
    funded.finish()
    assert funded.received(VENDOR) == funded.amount - funded.payout_fee()
    assert not any(frozen(funded, role) for role in Role)
    assert court.market.audit_is_intact()
