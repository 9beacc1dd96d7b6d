"""A malicious coordinator: what it tells three honest agents, and what they answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest

from tests.functional.kit.pen import record_of
from tests.liars.court import Court, changed, shown_state
from tests.liars.docket import Docket
from tests.liars.lies import lie
from tests.liars.postman import Lie, Mail, Object, Postman, Question, Reply
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import CommandFailed, Party
from tripartite.domain.deposits import Report
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.bodies import write_report
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.identity import Identity

COORDINATOR = "coordinator"
BUYER, VENDOR, ARBITER = Role
ALL_OF_IT: dict[str, Json] = write_report(
    Report(confirmed=2 * ATOMIC, pending=0, locked=0, height=1_000)
)


@pytest.fixture(scope="module")
def newcomer(devnet: Devnet, lied_to: Community, between: Postman) -> Party:
    """Somebody who knows nobody here yet, with an agent that isn't running."""
    party = Party(
        BUYER,
        devnet.directory / "newcomer",
        coordinator=lied_to.coordinator,
        node_url=devnet.chain.url,
        proxy=between.proxies[BUYER],
    )
    party.name = "nora-the-newcomer"
    party.join(Secret(secrets.token_urlsafe(16)))
    party.address = lied_to[BUYER].address
    return party


# Before there is an escrow


@lie("swaps-identity-keys-in-the-directory", by=COORDINATOR, answer="fingerprint_unexpected")
def test_a_swapped_identity_is_not_the_fingerprint_that_the_vendor_gave(
    court: Court, newcomer: Party
) -> None:
    """The theft of May 2026: whoever hands out the keys hands out its own."""
    swapped = _Swapped(court.market.vendor)
    with court.postman.telling(swapped), pytest.raises(CommandFailed) as refused:
        _propose(newcomer, court, fingerprint=court.market.vendor.fingerprint)

    assert f"[{court.answer}]" in str(refused.value)


@lie("swaps-the-key-of-a-known-contact", by=COORDINATOR, answer="contact_key_changed")
def test_a_known_contact_with_another_key_is_refused_whatever_is_expected(
    court: Court, newcomer: Party
) -> None:
    _propose(newcomer, court, fingerprint=court.market.vendor.fingerprint)

    swapped = _Swapped(court.market.vendor)
    with court.postman.telling(swapped), pytest.raises(CommandFailed) as refused:
        _propose(newcomer, court, fingerprint=swapped.thief.fingerprint)

    assert f"[{court.answer}]" in str(refused.value)


@lie("changes-an-amount-in-the-proposal", by=COORDINATOR, answer="signature_invalid")
def test_a_proposal_with_another_amount_is_never_shown_to_the_vendor(court: Court) -> None:
    class Cheaper(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            message = read_envelope(item.text)
            if (to, message.kind) != (VENDOR, Kind.PROPOSE):
                return [item]
            return [changed(item, message, amount="1")]

    with court.postman.telling(Cheaper()):
        deal = court.market.proposed_deal()
        court.alarms(deal, VENDOR)
        assert not deal.vendor.has_heard()

    with pytest.raises(CommandFailed):
        deal.vendor.accept()
    court.postman.hang_up()
    # The true one comes when the next word is said.
    deal.until(deal.arbiter.can_accept)
    deal.arbiter.accept()
    deal.until(deal.vendor.has_heard)


@lie("forges-an-acceptance", by=COORDINATOR, answer="signature_invalid")
def test_a_forged_acceptance_binds_nobody(court: Court, docket: Docket) -> None:
    deal = docket.at(State.CREATED)
    record = record_of(deal)
    text = court.forged(
        deal, VENDOR, Kind.ACCEPT,
        {"proposal": record.proposal, "details": {"hash": "ab" * 32, "sealed": {}}},
    )  # fmt: skip

    court.push_next(deal, BUYER, text)
    court.refuses(deal, BUYER)

    assert deal.state is State.CREATED
    court.resume(deal, BUYER)


@lie("swaps-a-key-exchange-message", by=COORDINATOR, answer="signature_invalid")
def test_a_swapped_key_exchange_message_makes_no_wallet(court: Court, docket: Docket) -> None:
    """With it, two of the three keys would be the coordinator's own."""
    deal = docket.at(State.CREATED)

    class Swapped(Lie):
        def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
            message = read_envelope(item.text)
            if to is not BUYER or message.escrow_id != deal.escrow_id:
                return [item]
            if (message.kind, message.role) != (Kind.KEY_EXCHANGE, VENDOR):
                return [item]
            return [changed(item, message, sealed={"ciphertext": "mine"})]

    with court.postman.telling(Swapped()):
        deal.accept()
        court.refuses(deal, BUYER)
        assert not deal.is_keyed()

    court.resume(deal, BUYER)
    deal.until(deal.is_keyed)


@lie("brings-a-message-of-another-escrow", by=COORDINATOR, answer="wrong_escrow")
def test_a_true_message_of_another_escrow_belongs_to_that_one(
    court: Court, keyed: Deal, docket: Docket
) -> None:
    (proposal,) = court.said(docket.at(State.CREATED))

    court.push_next(keyed, VENDOR, proposal)
    court.refuses(keyed, VENDOR)
    court.resume(keyed, VENDOR)


# While there is an address, and no money yet


@lie("shows-a-different-deposit-address", by=COORDINATOR, answer="ignored")
def test_the_address_to_pay_is_the_one_that_the_own_wallet_shows(court: Court, keyed: Deal) -> None:
    mine = court.market.arbiter.address
    asked_by: set[Role] = set()

    class Redirected(Lie):
        def reply(self, asked: Question, honest: Reply) -> Reply:
            asked_by.add(asked.by)
            return Reply(honest.status, {**honest.body, "address": mine})

        def news(self, to: Role, event: Object) -> Object:
            data = event.get("data")
            return {**event, "data": {**data, "address": mine}} if isinstance(data, dict) else event

    with court.postman.telling(Redirected()):
        court.postman.hang_up()
        court.market.until(lambda: BUYER in asked_by, what="the buyer's agent was told")
        shown = court.market.buyer.run("status", "--json")

    assert keyed.address in shown
    assert mine not in shown


@lie("claims-a-deposit-that-is-not-there", by=COORDINATOR, answer="signature_invalid")
def test_a_forged_deposit_report_funds_nothing(court: Court, keyed: Deal) -> None:
    text = court.forged(keyed, BUYER, Kind.DEPOSIT_REPORT, ALL_OF_IT)

    court.push_next(keyed, VENDOR, text)
    court.refuses(keyed, VENDOR)

    assert shown_state(keyed, VENDOR) == State.AWAITING_DEPOSIT
    court.resume(keyed, VENDOR)


@lie("says-completed-before-a-transaction-exists", by=COORDINATOR, answer="ignored")
def test_an_escrow_is_not_completed_because_the_coordinator_says_so(
    court: Court, keyed: Deal
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
            assert shown_state(keyed, role) is State.AWAITING_DEPOSIT
            assert keyed.seats[role].status()["payout"] is None
            assert "ab" * 32 not in keyed.seats[role].party.run("status", "--json")


@lie("hides-a-deposit-that-is-there", by=COORDINATOR, answer="ignored")
def test_a_hidden_deposit_is_in_the_vendors_own_wallet_all_the_same(
    court: Court, keyed: Deal
) -> None:
    """Nobody is told of funds; nobody loses them. The vendor's agent says what isn't heard."""
    deal = keyed

    class Deaf(Lie):
        def instead(self, asked: Question) -> Reply | None:
            if asked.method == "POST" and asked.path.endswith(f"{deal.escrow_id}/messages"):
                return Reply(503, {"code": "busy"})
            return None

    with court.postman.telling(Deaf()):
        deal.pay()
        court.market.mine(10)
        deal.until(
            lambda: deal.seats[VENDOR].status()["unsent"] == "deposit_report",
            what="the vendor's agent shows that its report isn't heard",
        )
        assert shown_state(deal, VENDOR) == State.AWAITING_DEPOSIT

    deal.mine_until(deal.is_funded)


class _Swapped(Lie):
    """Somebody else's keys under a name, and a fingerprint made up."""

    def __init__(self, victim: Party) -> None:
        self.thief = Identity.generate().public
        self._path = f"/api/accounts/{victim.name}"

    def reply(self, asked: Question, honest: Reply) -> Reply:
        if asked.path != self._path:
            return honest
        return Reply(200, {**honest.body, "identity": self.thief.to_json(), "fingerprint": "AAAA"})


def _propose(by: Party, court: Court, *, fingerprint: str) -> None:
    """A deal with the vendor, who is expected to have this fingerprint."""
    vendor, arbiter = court.market.vendor, court.market.arbiter
    by.run(
        "propose", "--vendor", vendor.name, "--arbiter", arbiter.name, "--amount", "1",
        "--refund-address", by.address, "--subject", "a lamp",
        "--expect-fingerprint", fingerprint,
        "--expect-fingerprint", arbiter.fingerprint, "--yes",
    )  # fmt: skip
