"""A malicious party, with its own true keys: what it sends the others, and what they answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.functional.kit.pen import post
from tests.liars import tricks
from tests.liars.court import Court, frozen, shown_state
from tests.liars.docket import Docket
from tests.liars.evil import Bench, Build, EvilAgent, evil_agent
from tests.liars.lies import lie
from tests.liars.postman import Lie, Question, Reply
from tripartite.agent.wallets.records import SignedPayout
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, read_envelope

PARTY = "party"
BUYER, VENDOR, ARBITER = Role
SURPLUS = 7 * ATOMIC // 10


@pytest.fixture(scope="module")
def evil(devnet: Devnet, lied_to: Community) -> Iterator[EvilAgent]:
    """The buyer's agent is evil from now on."""
    with evil_agent(lied_to[BUYER], devnet.chain.url) as agent:
        yield agent


@pytest.fixture(scope="module")
def stranger(devnet: Devnet) -> str:
    """An address that is in no contract, and no party's: its coordinator gets to see it."""
    return devnet.payer.address


# While the wallet is made


@pytest.mark.parametrize(
    ("step", "twist"),
    [
        pytest.param(
            "prepare_multisig", "MultisigxV2R1" + "7" * 120,
            marks=lie("sends-garbage-for-a-key-exchange-message", by=PARTY, answer="key_exchange_bad_message"),
        ),
        pytest.param(
            "make_multisig", None,
            marks=lie("sends-the-key-exchange-message-of-another-round", by=PARTY, answer="exchange_messages_unsound"),
        ),
    ],
)  # fmt: skip
def test_a_bad_key_exchange_message_makes_no_wallet(
    court: Court, evil: EvilAgent, docket: Docket, step: str, twist: str | None
) -> None:
    """All three start again with fresh wallets, and know why."""
    deal = docket.at(State.CREATED)
    words = evil.wallets.last_words
    evil.wallets.twists[step] = lambda _: twist or words["prepare_multisig"]

    deal.accept()
    court.alarms(deal, VENDOR, ARBITER)

    deal.until(deal.is_keyed)
    assert deal.overview().attempt > 1


@lie("attests-another-address", by=PARTY, answer="address_mismatch")
def test_an_address_that_only_one_wallet_shows_is_never_shown_to_anybody(
    court: Court, evil: EvilAgent, docket: Docket, stranger: str
) -> None:
    """The coordinator refuses it; and so do the others, if the coordinator is in it, too."""
    deal = docket.at(State.CREATED)

    class TruthUnheard(Lie):
        def instead(self, asked: Question) -> Reply | None:
            if (asked.by, asked.method) != (BUYER, "POST") or "envelope" not in asked.body:
                return None
            said = read_envelope(str(asked.body["envelope"])).kind
            return Reply(503, {"code": "busy"}) if said is Kind.ATTEST else None

    with court.postman.telling(TruthUnheard()):
        deal.accept()
        deal.until(lambda: _attestations(court, deal) == 2, what="the honest two have attested")
        lied = evil.attests(deal, stranger)
        assert post(deal, BUYER, lied).code == court.answer
        for role in (VENDOR, ARBITER):
            court.push_next(deal, role, lied)
            court.refuses(deal, role)
        assert not deal.is_keyed()
        assert not any(deal.seats[role].status()["address"] for role in Role)

    for role in (VENDOR, ARBITER):
        court.resume(deal, role)
    deal.until(deal.is_keyed)
    assert deal.address != stranger


# When it is paid


@lie("says-it-sent-a-transaction-that-does-not-exist", by=PARTY, answer="payout_not_taken")
def test_a_payout_that_no_node_knows_ends_nothing(
    court: Court, evil: EvilAgent, docket: Docket, others_txset: list[str]
) -> None:
    deal = docket.at(State.FUNDED)

    others_txset.append(_announce_nothing(evil, deal))
    court.alarms(deal, VENDOR)

    assert deal.state is State.REFUNDING
    evil.wallets.cosign_trick = None
    evil.restart_payout(deal)
    deal.until(lambda: _is_in_the_pool(deal), what="the true payout is there")
    court.market.mine(10)
    deal.mine_until(lambda: deal.state is State.REFUNDED)
    assert deal.received(BUYER) == deal.amount - deal.payout_fee()
    deal.until(lambda: shown_state(deal, VENDOR) is State.REFUNDED)


@lie("says-it-sent-a-transaction-of-something-else", by=PARTY, answer="payout_elsewhere")
def test_a_mined_transaction_of_something_else_is_no_payout(
    court: Court, evil: EvilAgent, docket: Docket
) -> None:
    """Neither coordinator nor agent is fooled: the vendor's agent had said what it would spend."""
    deal = docket.at(State.AWAITING_DEPOSIT)
    deposit = deal.fund()
    found = deal.devnet.chain.transaction(deposit)
    assert found is not None
    evil.wallets.cosign_trick = lambda txset: SignedPayout(txset, deposit, 0, found.blob)

    deal.vendor.refund()
    court.refuses(deal, VENDOR)
    evil.wallets.cosign_trick = None

    court.market.mine(10)
    deal.until(lambda: deal.overview().elsewhere, what="the coordinator sees it, too")
    assert deal.state is shown_state(deal, VENDOR) is State.REFUNDING
    assert deal.devnet.purses.received(BUYER, deposit) == 0
    court.resume(deal, VENDOR)
    anew = (BUYER, "export_info")
    deal.until(lambda: anew in deal.overview().waiting_on, what="the vendor begins anew")


@pytest.fixture(scope="module")
def others_txset() -> list[str]:
    """A set that the vendor truly built, for another escrow."""
    return []


# When it builds the payout


@pytest.fixture(scope="module")
def releasing(docket: Docket, evil: EvilAgent) -> Deal:
    """Paid too much, in two outputs: the vendor is due the price, the buyer what is left."""
    deal = docket.at(State.AWAITING_DEPOSIT)
    deal.fund(deal.amount // 2, deal.amount - deal.amount // 2 + SURPLUS)
    evil.wallets.build_trick = tricks.garbage
    deal.buyer.release()
    deal.until(lambda: deal.state is State.RELEASING)
    return deal


@lie("sends-garbage-for-a-payout", by=PARTY, answer="bad_txset")
def test_garbage_is_no_payout(court: Court, evil: EvilAgent, releasing: Deal) -> None:
    _build(court, evil, releasing, tricks.garbage)
    court.judges(releasing, VENDOR)


@lie("sends-the-payout-of-another-escrow", by=PARTY, answer="bad_txset")
def test_the_payout_of_another_escrow_is_none_of_this_one(
    court: Court, evil: EvilAgent, releasing: Deal, docket: Docket, others_txset: list[str]
) -> None:
    """Its builder is the vendor, who has to sign this one."""
    if not others_txset:
        others_txset.append(_announce_nothing(evil, docket.at(State.FUNDED)))

    _build(court, evil, releasing, lambda _: others_txset[0])
    court.judges(releasing, VENDOR)


@lie("sends-the-payout-of-another-round", by=PARTY, answer="stale_multisig_data")
def test_a_payout_of_an_earlier_round_is_not_signed(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """It pays the right people; its nonces are those of a round that is over."""
    kept: list[str] = []

    def keep(bench: Bench) -> str:
        kept.append(tricks.as_agreed(bench))
        return tricks.garbage(bench)

    _build(court, evil, releasing, keep)
    releasing.until(lambda: bool(kept), what="a payout was built and kept")
    _build(court, evil, releasing, lambda _: kept[0])
    court.judges(releasing, VENDOR)


@lie("sends-garbage-for-multisig-data", by=PARTY, answer="bad_multisig_info")
def test_multisig_data_that_are_garbage_sign_nothing(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """The payout pays the right people; the vendor can't tell which outputs it could spend."""
    evil.wallets.export_trick = lambda _: "4d6f6e65726f" * 40

    _build(court, evil, releasing, tricks.as_agreed)
    court.judges(releasing, VENDOR)

    # In this order: no round may become honest by accident.
    evil.wallets.build_trick = tricks.garbage
    evil.wallets.export_trick = None


@pytest.mark.parametrize(
    "trick",
    [
        pytest.param(tricks.one_output_only, marks=lie("spends-less-than-the-whole-balance", by=PARTY, answer="payout_balance_differs")),
        pytest.param(tricks.excessive_fee, marks=lie("pays-an-excessive-fee", by=PARTY, answer="payout_fee_too_high")),
        pytest.param(tricks.another_recipient, marks=lie("pays-another-recipient", by=PARTY, answer="payout_stranger_paid")),
        pytest.param(tricks.extra_recipient, marks=lie("pays-an-extra-recipient", by=PARTY, answer="payout_stranger_paid")),
        pytest.param(tricks.short_amount, marks=lie("pays-a-short-amount", by=PARTY, answer="payout_amount_wrong")),
        pytest.param(tricks.nothing_for_the_vendor, marks=lie("leaves-a-recipient-out", by=PARTY, answer="payout_recipient_missing")),
        pytest.param(tricks.unlock_time, marks=lie("locks-what-it-pays", by=PARTY, answer="payout_locked")),
        pytest.param(tricks.hidden_change, marks=lie("hides-change", by=PARTY, answer="payout_change_kept")),
        pytest.param(tricks.two_transactions, marks=lie("makes-two-transactions", by=PARTY, answer="payout_not_one_transaction")),
    ],
)  # fmt: skip
def test_a_payout_that_was_not_agreed_is_not_signed(
    court: Court, evil: EvilAgent, releasing: Deal, stranger: str, trick: object
) -> None:
    assert callable(trick)

    _build(court, evil, releasing, lambda bench: trick(bench, stranger))
    court.judges(releasing, VENDOR)

    assert releasing.state is State.RELEASING


@lie("sends-two-competing-payouts", by=PARTY, answer="message_substituted")
def test_of_two_payouts_in_one_round_the_second_is_refused_by_everybody(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """By the coordinator; and by the vendor's agent, if the coordinator is in it, too."""
    said: list[str] = []

    def first(bench: Bench) -> str:
        said.append("first")
        return tricks.garbage(bench)

    _build(court, evil, releasing, first)
    releasing.until(
        lambda: bool(said) and evil.has_sent_payout(releasing), what="the first payout was sent"
    )
    second = evil.contradicts(releasing)

    assert post(releasing, BUYER, second).code == court.answer
    court.push_next(releasing, VENDOR, second)
    court.refuses(releasing, VENDOR)


def test_after_all_these_lies_everybody_gets_what_was_agreed(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """Even if the builder pays a share in two outputs: a wallet describes, and gets, their sum."""
    _build(court, evil, releasing, tricks.vendor_twice)
    releasing.finish()

    assert releasing.received(VENDOR) == releasing.amount - releasing.payout_fee()
    assert releasing.received(BUYER) == SURPLUS
    releasing.until(releasing.is_over_for_all)


def _build(court: Court, evil: EvilAgent, deal: Deal, trick: Build) -> None:
    """A new round, in which the evil buyer builds this. The vendor's person had a look before."""

    def build(bench: Bench) -> str:
        # Whatever the vendor's agent says from here on, it says about this or what comes later.
        court.listen()
        return trick(bench)

    evil.wallets.build_trick = build
    evil.restart_payout(deal)
    if frozen(deal, VENDOR) is not None:
        deal.vendor.party.run("resume", deal.escrow_id, "--yes")


def _announce_nothing(evil: EvilAgent, deal: Deal) -> str:
    """The vendor builds a refund, the evil buyer signs nothing and says it did; what was built."""
    built: list[str] = []

    def announce(txset: str) -> SignedPayout:
        built.append(txset)
        return SignedPayout(txset, secrets.token_hex(32), 0, "02" * 200)

    evil.wallets.cosign_trick = announce
    deal.vendor.refund()
    deal.until(lambda: bool(built), what="the vendor has built a refund")
    return built[0]


def _attestations(court: Court, deal: Deal) -> int:
    return sum(read_envelope(text).kind is Kind.ATTEST for text in court.said(deal))


def _is_in_the_pool(deal: Deal) -> bool:
    overview = deal.overview()
    return overview.txid is not None and deal.devnet.chain.transaction(overview.txid) is not None
