"""A malicious party, with its own true keys: what it sends the others, and what they answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.functional.kit.market import Market
from tests.functional.kit.pen import post
from tests.liars.court import Court, frozen
from tests.liars.evil import Bench, Build, EvilAgent, evil_agent
from tests.liars.lies import lie
from tripartite.agent.wallets.records import SignedPayout
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import Recipient

PARTY = "party"
BUYER, VENDOR, ARBITER = Role
SURPLUS = 7 * ATOMIC // 10


@pytest.fixture(scope="module")
def evil(devnet: Devnet, lied_to: Community) -> Iterator[EvilAgent]:
    """The buyer's agent is evil from now on."""
    with evil_agent(lied_to[BUYER], devnet.chain.url) as agent:
        yield agent


@pytest.fixture(scope="module")
def stranger(lied_to: Community) -> str:
    """An address that is in no contract: the arbiter has no fee here."""
    return lied_to[ARBITER].address


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
    court: Court, evil: EvilAgent, step: str, twist: str | None
) -> None:
    """All three start again with fresh wallets, and know why."""
    words = evil.wallets.last_words
    evil.wallets.twists[step] = lambda _: twist or words["prepare_multisig"]

    deal = court.market.accepted_deal()
    court.alarms_one_of(deal, VENDOR, ARBITER)

    deal.until(deal.is_keyed)
    assert deal.overview().attempt > 1


@lie("attests-another-address", by=PARTY, answer="address_mismatch")
def test_an_address_that_only_one_wallet_shows_is_never_shown_to_anybody(
    court: Court, evil: EvilAgent, stranger: str
) -> None:
    evil.wallets.twists["finish"] = lambda _: stranger

    deal = court.market.accepted_deal()
    deal.until(lambda: any(frozen(deal, role) for role in Role), what="somebody sees two addresses")
    if frozen(deal, BUYER) is not None:
        # The others were faster, and its own judge kept it from saying so: it says so all the same,
        # and the coordinator is in it, too.
        court.push_next(deal, VENDOR, evil.attests(deal, stranger))
    court.refuses_one_of(deal, VENDOR, ARBITER)

    assert not deal.is_keyed()
    assert deal.buyer.party.escrow(deal.escrow_id)["address"] is None  # type: ignore[index]  # it knows the deal


# When it is paid


@pytest.fixture(scope="module")
def refunding(open_deal: Deal, evil: EvilAgent) -> Deal:
    """One with money that the vendor will give back: then the evil buyer has to sign."""
    if not open_deal.is_funded():
        open_deal.fund()
    return open_deal


@lie("says-it-sent-a-transaction-that-does-not-exist", by=PARTY, answer="payout_not_taken")
def test_a_payout_that_no_node_knows_ends_nothing(
    court: Court, evil: EvilAgent, refunding: Deal, others_txset: list[str]
) -> None:
    def bogus(txset: str) -> SignedPayout:
        others_txset.append(txset)
        return SignedPayout(txset, secrets.token_hex(32), 0, "02" * 200)

    evil.wallets.cosign_trick = bogus
    refunding.vendor.refund()
    court.alarms(refunding, VENDOR)

    assert refunding.state is State.REFUNDING
    evil.wallets.cosign_trick = None
    evil.restart_payout(refunding)
    refunding.until(lambda: _is_in_the_pool(refunding), what="the true payout is there")
    court.market.mine(10)
    refunding.mine_until(lambda: refunding.state is State.REFUNDED)
    assert refunding.received(BUYER) == refunding.amount - refunding.payout_fee()
    refunding.until(lambda: _shown_state(refunding, VENDOR) is State.REFUNDED)


@lie("says-it-sent-a-transaction-of-something-else", by=PARTY, answer="payout_elsewhere")
def test_a_mined_transaction_of_something_else_is_no_payout(court: Court, evil: EvilAgent) -> None:
    """Neither coordinator nor agent is fooled: the vendor's agent had said what it would spend."""
    deal = court.market.keyed_deal()
    deposit = deal.fund()
    found = deal.devnet.chain.transaction(deposit)
    assert found is not None
    evil.wallets.cosign_trick = lambda txset: SignedPayout(txset, deposit, 0, found.blob)

    deal.vendor.refund()
    court.refuses(deal, VENDOR)
    evil.wallets.cosign_trick = None

    court.market.mine(10)
    deal.until(lambda: deal.overview().elsewhere, what="the coordinator sees it, too")
    assert deal.state is _shown_state(deal, VENDOR) is State.REFUNDING
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
def releasing(devnet: Devnet, lied_to: Community, evil: EvilAgent) -> Deal:
    """Paid too much, in two outputs: the vendor is due the price, the buyer what is left."""
    deal = Market(devnet, lied_to).keyed_deal(amount=2 * ATOMIC)
    deal.fund(ATOMIC, ATOMIC + SURPLUS)
    evil.wallets.build_trick = lambda _: secrets.token_hex(300)
    deal.buyer.release()
    deal.until(lambda: deal.state is State.RELEASING)
    return deal


def _of(bench: Bench, recipient: Recipient) -> str:
    return bench.plan.addresses[recipient]


def _part(bench: Bench) -> int:
    return bench.balance // 10


def _another_recipient(bench: Bench, stranger: str) -> str:
    return bench.transfer(lambda fee: [(stranger, bench.balance - fee)])


def _extra_recipient(bench: Bench, stranger: str) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    return bench.transfer(
        lambda fee: [*{**bench.due(fee), vendor: bench.due(fee)[vendor] - part}.items(), (stranger, part)]
    )  # fmt: skip


def _short_amount(bench: Bench, _: str) -> str:
    buyer, vendor = _of(bench, Recipient.BUYER), _of(bench, Recipient.VENDOR)
    part = _part(bench)
    return bench.transfer(
        lambda fee: [
            (vendor, bench.due(fee)[vendor] - part),
            (buyer, bench.due(fee)[buyer] + part),
        ]
    )


def _excessive_fee(bench: Bench, _: str) -> str:
    return bench.transfer(lambda fee: list(bench.due(fee).items()), priority=4)


def _unlock_time(bench: Bench, _: str) -> str:
    return bench.transfer(lambda fee: list(bench.due(fee).items()), unlock_time=1_000_000)


def _hidden_change(bench: Bench, _: str) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    due = bench.due(bench.fee)
    return bench.once(list({**due, vendor: due[vendor] - part}.items())).txset


def _one_output_only(bench: Bench, _: str) -> str:
    first = min(bench.slot.rpc.incoming_transfers(), key=lambda one: one.amount)
    return bench.call(
        "sweep_single",
        address=_of(bench, Recipient.VENDOR),
        key_image=first.key_image,
        priority=2,
        do_not_relay=True,
    )


def _two_transactions(bench: Bench, _: str) -> str:
    # A transaction has at most 16 outputs, so the wallet makes two.
    to, part = _of(bench, Recipient.VENDOR), bench.balance // 25
    return bench.call(
        "transfer_split",
        destinations=[{"address": to, "amount": part} for _ in range(20)],
        account_index=0,
        priority=2,
        do_not_relay=True,
    )


def _vendor_twice(bench: Bench, _: str) -> str:
    vendor, part = _of(bench, Recipient.VENDOR), _part(bench)
    return bench.transfer(
        lambda fee: [*{**bench.due(fee), vendor: bench.due(fee)[vendor] - part}.items(), (vendor, part)]
    )  # fmt: skip


def _nothing_for_the_vendor(bench: Bench, _: str) -> str:
    buyer = _of(bench, Recipient.BUYER)
    return bench.transfer(lambda fee: [(buyer, bench.balance - fee)])


@lie("sends-garbage-for-a-payout", by=PARTY, answer="bad_txset")
def test_garbage_is_no_payout(court: Court, evil: EvilAgent, releasing: Deal) -> None:
    court.alarms(releasing, VENDOR)

    assert releasing.overview().txid is None


@lie("sends-the-payout-of-another-escrow", by=PARTY, answer="bad_txset")
def test_the_payout_of_another_escrow_is_none_of_this_one(
    court: Court, evil: EvilAgent, releasing: Deal, others_txset: list[str]
) -> None:
    assert others_txset, "told by the story of a payout that no node knows"

    _build(court, evil, releasing, lambda _: others_txset[0])
    court.answers(releasing, VENDOR)


@lie("sends-the-payout-of-another-round", by=PARTY, answer="stale_multisig_data")
def test_a_payout_of_an_earlier_round_is_not_signed(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """It pays the right people; its nonces are those of a round that is over."""
    kept: list[str] = []

    def keep(bench: Bench) -> str:
        kept.append(bench.transfer(lambda fee: list(bench.due(fee).items())))
        return secrets.token_hex(300)

    _build(court, evil, releasing, keep)
    releasing.until(lambda: bool(kept))
    _build(court, evil, releasing, lambda _: kept[0])
    court.answers(releasing, VENDOR)


@pytest.mark.parametrize(
    "trick",
    [
        pytest.param(_one_output_only, marks=lie("spends-less-than-the-whole-balance", by=PARTY, answer="payout_balance_differs")),
        pytest.param(_excessive_fee, marks=lie("pays-an-excessive-fee", by=PARTY, answer="payout_fee_too_high")),
        pytest.param(_another_recipient, marks=lie("pays-another-recipient", by=PARTY, answer="payout_stranger_paid")),
        pytest.param(_extra_recipient, marks=lie("pays-an-extra-recipient", by=PARTY, answer="payout_stranger_paid")),
        pytest.param(_short_amount, marks=lie("pays-a-short-amount", by=PARTY, answer="payout_amount_wrong")),
        pytest.param(_nothing_for_the_vendor, marks=lie("leaves-a-recipient-out", by=PARTY, answer="payout_recipient_missing")),
        pytest.param(_vendor_twice, marks=lie("pays-a-recipient-twice", by=PARTY, answer="payout_recipient_twice")),
        pytest.param(_unlock_time, marks=lie("locks-what-it-pays", by=PARTY, answer="payout_locked")),
        pytest.param(_hidden_change, marks=lie("hides-change", by=PARTY, answer="payout_change_kept")),
        pytest.param(_two_transactions, marks=lie("makes-two-transactions", by=PARTY, answer="payout_not_one_transaction")),
    ],
)  # fmt: skip
def test_a_payout_that_was_not_agreed_is_not_signed(
    court: Court, evil: EvilAgent, releasing: Deal, stranger: str, trick: object
) -> None:
    assert callable(trick)

    _build(court, evil, releasing, lambda bench: trick(bench, stranger))
    court.answers(releasing, VENDOR)

    assert releasing.overview().txid is None
    assert releasing.state is State.RELEASING


@lie("sends-two-competing-payouts", by=PARTY, answer="message_substituted")
def test_of_two_payouts_in_one_round_the_second_is_refused_by_everybody(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    """By the coordinator; and by the vendor's agent, if the coordinator is in it, too."""
    said: list[str] = []

    def first(_: Bench) -> str:
        said.append("first")
        return secrets.token_hex(300)

    _build(court, evil, releasing, first)
    attempt = evil.payout_attempt(releasing)
    releasing.until(lambda: bool(said))
    court.position(releasing, VENDOR)
    second = evil.contradicts(releasing)
    if evil.payout_attempt(releasing) != attempt:
        pytest.fail("the round was over before the second payout was sent")

    assert post(releasing, BUYER, second).code == court.answer
    court.push_next(releasing, VENDOR, second)
    court.refuses(releasing, VENDOR)


def test_after_all_these_lies_everybody_gets_what_was_agreed(
    court: Court, evil: EvilAgent, releasing: Deal
) -> None:
    evil.wallets.build_trick = None
    evil.restart_payout(releasing)
    if frozen(releasing, VENDOR) is not None:
        court.resume(releasing, VENDOR)
    releasing.finish()

    assert releasing.received(VENDOR) == 2 * ATOMIC - releasing.payout_fee()
    assert releasing.received(BUYER) == SURPLUS
    releasing.until(releasing.is_over_for_all)


def _build(court: Court, evil: EvilAgent, deal: Deal, trick: Build) -> None:
    """A new round, in which the evil buyer builds this. The vendor's person had a look before."""
    court.count(deal, VENDOR)
    evil.wallets.build_trick = trick
    stopped = frozen(deal, VENDOR) is not None
    # An agent that goes on by itself waits twice as long each time. While that is short, its own
    # next round comes as soon as any that we could start.
    if stopped or evil.payout_attempt(deal) > 3:
        evil.restart_payout(deal)
    if stopped:
        deal.vendor.party.run("resume", deal.escrow_id, "--yes")


def _shown_state(deal: Deal, role: Role) -> State:
    """Where this party's own agent says that the deal stands."""
    return State(str(deal.seats[role].status()["state"]))


def _is_in_the_pool(deal: Deal) -> bool:
    overview = deal.overview()
    return overview.txid is not None and deal.devnet.chain.transaction(overview.txid) is not None
