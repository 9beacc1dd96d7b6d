"""Whatever is lost between two steps, an agent says the same thing again or starts afresh."""

from __future__ import annotations

import shutil

import pytest

from tests.unit.agent.market import TXID, Market, PowerCut, dies_at
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.decisions import Decision
from tripartite.agent.ports import Boundary, Forwarded
from tripartite.agent.verification import PayoutStrangerPaid
from tripartite.agent.wallets.records import PayoutOvertaken, WalletInDoubt
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.monero.errors import (
    DaemonUnreachable,
    KeyExchangeBadMessage,
    KeyExchangeFinished,
    SubmitRejected,
    WalletAlreadyMultisig,
)
from tripartite.protocol.bodies import read_reason
from tripartite.protocol.envelope import Kind, read_envelope


def reasons(market: Market, kind: Kind) -> list[str]:
    messages = [read_envelope(text) for text in market.coordinator.texts[ESCROW_ID]]
    return [read_reason(message) for message in messages if message.kind is kind]


def states_of_wallets(market: Market, role: Role) -> list[str]:
    found = market.traders[role].opened.journal.rows("SELECT state FROM wallets ORDER BY attempt")
    return [str(row[0]) for row in found]


def test_a_lost_answer_makes_the_identical_text_be_sent_again(market: Market) -> None:
    market.propose()
    market.coordinator.answers_to_lose = 2

    for _ in range(3):
        market.buyer.work()

    assert len(market.coordinator.received) == 3
    assert len(set(market.coordinator.received)) == 1
    assert market.buyer.case.position == 1


def test_a_message_journaled_before_a_crash_is_sent_by_the_next_process(market: Market) -> None:
    market.propose()
    market.buyer.at = dies_at(Boundary.JOURNALED)
    with pytest.raises(PowerCut):
        market.buyer.work()
    assert market.coordinator.received == []
    written = market.buyer.opened.journal.unanswered(ESCROW_ID)
    assert written is not None

    market.buyer.restart()
    market.buyer.work()

    assert market.coordinator.received == [written.text]


def test_a_power_cut_that_takes_back_what_was_heard_costs_nothing_said(market: Market) -> None:
    """Only what the coordinator says again may be lost: here all of it since the last own word."""
    market.propose()
    on_disk = market.vendor.directory.with_name("on-disk")

    def keep_what_is_synced(boundary: Boundary) -> None:
        if boundary is Boundary.JOURNALED:
            shutil.rmtree(on_disk, ignore_errors=True)
            shutil.copytree(market.vendor.directory, on_disk)
            said.append(market.vendor.opened.journal.last_seq(ESCROW_ID))

    said: list[int] = []
    market.vendor.at = keep_what_is_synced
    market.agree()
    before = market.vendor.case

    market.vendor.opened.journal.close()
    shutil.rmtree(market.vendor.directory)
    shutil.copytree(on_disk, market.vendor.directory)
    market.vendor.restart()
    assert market.vendor.case.position < before.position
    assert market.vendor.opened.journal.last_seq(ESCROW_ID) == said[-1]
    market.settle()

    assert market.vendor.case.record == before.record == market.record
    assert market.vendor.alarms == []


def test_an_alarm_survives_a_power_cut(market: Market) -> None:
    """A liar that is asked again might show something else."""
    market.agree()
    journal = market.buyer.opened.journal
    statements: list[str] = []
    journal._connection.set_trace_callback(statements.append)

    position = market.buyer.case.position + 1
    market.buyer.desk.cases.receive([Forwarded(ESCROW_ID, position, "nonsense")])

    commits = [one for one in statements if one == "COMMIT" or one.startswith("PRAGMA")]
    assert market.buyer.alarms == ["envelope_malformed"]
    assert commits[-2:] == ["PRAGMA synchronous = FULL", "COMMIT"]


def test_a_crash_after_the_answer_changes_nothing(market: Market) -> None:
    market.propose()
    market.buyer.at = dies_at(Boundary.SENT)
    with pytest.raises(PowerCut):
        market.buyer.work()

    market.buyer.restart()
    market.settle()

    assert len(set(market.coordinator.received)) == 1
    assert market.buyer.case.record == market.record


@pytest.mark.parametrize("boundary", [Boundary.MARKED, Boundary.WALLET_ANSWERED])
def test_a_step_begun_and_not_finished_starts_the_exchange_anew(
    market: Market, boundary: Boundary
) -> None:
    market.vendor.at = dies_at(boundary)
    with pytest.raises(PowerCut):
        market.agree()

    market.vendor.restart()
    market.settle()

    assert reasons(market, Kind.KEY_EXCHANGE_RESTART) == ["wallet_in_doubt"]
    assert market.record.state is State.AWAITING_DEPOSIT
    assert market.record.attempt == 2
    for role in Role:
        assert states_of_wallets(market, role) == ["set_aside", "assigned"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("make_multisig", WalletAlreadyMultisig("It is multisig.")),
        ("finish", KeyExchangeFinished("It is done.")),
    ],
)
def test_a_mark_that_a_power_cut_took_back_costs_an_attempt_and_no_alarm(
    market: Market, call: str, said: Refused
) -> None:
    """The wallet has done the step; the journal doesn't know, and nothing was said of it."""
    dies = dies_at(Boundary.WALLET_ANSWERED)
    market.vendor.at = lambda at: dies(at) if call in market.vendor.wallets.calls else None
    with pytest.raises(PowerCut):
        market.agree()
    market.vendor.opened.journal.write("DELETE FROM marks WHERE finished = 0")
    market.vendor.wallets.trouble[call] = [said]

    market.vendor.restart()
    market.settle()

    assert reasons(market, Kind.KEY_EXCHANGE_RESTART) == ["wallet_in_doubt"]
    assert market.vendor.alarms == []
    assert market.record.state is State.AWAITING_DEPOSIT
    assert states_of_wallets(market, Role.VENDOR) == ["set_aside", "assigned"]


def test_what_an_agent_says_takes_its_mark_to_the_disk(market: Market) -> None:
    """The mark isn't synced by itself, but nothing leaves before it is."""
    levels = ["FULL"]
    seen: list[tuple[Boundary, str]] = []

    def watch(statement: str) -> None:
        if statement.startswith("PRAGMA synchronous = "):
            levels.append(statement.rpartition(" ")[2])

    market.vendor.opened.journal._connection.set_trace_callback(watch)
    market.vendor.at = lambda boundary: seen.append((boundary, levels[-1]))
    market.agree()

    assert market.record.state is State.AWAITING_DEPOSIT
    assert {level for at, level in seen if at is Boundary.MARKED} == {"NORMAL"}
    assert {level for at, level in seen if at is Boundary.JOURNALED} == {"FULL"}


@pytest.mark.parametrize("call", ["make_multisig", "exchange", "finish"])
def test_a_wallet_in_doubt_is_set_aside_and_all_take_fresh_ones(market: Market, call: str) -> None:
    market.arbiter.wallets.trouble[call] = [WalletInDoubt("Its answer was lost.")]

    market.agree()

    assert reasons(market, Kind.KEY_EXCHANGE_RESTART) == ["wallet_in_doubt"]
    assert market.record.state is State.AWAITING_DEPOSIT
    assert states_of_wallets(market, Role.ARBITER) == ["set_aside", "assigned"]


def test_words_that_no_wallet_takes_start_the_exchange_anew(market: Market) -> None:
    market.buyer.wallets.trouble["make_multisig"] = [KeyExchangeBadMessage("Not a message.")]

    market.agree()

    assert reasons(market, Kind.KEY_EXCHANGE_RESTART) == ["key_exchange_bad_message"]
    assert market.record.state is State.AWAITING_DEPOSIT


def test_a_wallet_that_was_never_asked_is_asked_again_later(market: Market) -> None:
    market.buyer.wallets.trouble["make_multisig"] = [DaemonUnreachable("Down for a moment.")]
    market.agree()
    market.buyer.work()
    market.settle()

    assert reasons(market, Kind.KEY_EXCHANGE_RESTART) == []
    assert market.record.state is State.AWAITING_DEPOSIT
    assert market.buyer.wallets.calls.count("make_multisig") == 2


def test_a_refused_message_uses_its_number_up(market: Market) -> None:
    market.agree()
    before = market.buyer.case.record.heads[Role.BUYER]
    market.coordinator.refusals = ["move_not_open"]
    number = market.buyer.decide(Decision.CANCEL)
    market.buyer.work()
    assert market.buyer.desk.decisions.intent(number).outcome == "move_not_open"

    market.buyer.decide(Decision.CANCEL)
    market.settle()

    last = read_envelope(market.coordinator.texts[ESCROW_ID][-1])
    assert last.seq == before.seq + 2
    assert last.prev == before.digest
    assert market.record.state is State.CANCELLED
    assert "message_refused" in market.buyer.alarms


def test_a_refused_step_waits_for_news_instead_of_circling(market: Market) -> None:
    market.propose()
    market.buyer.work()
    for trader in (market.vendor, market.arbiter):
        trader.hear()
        trader.decide(Decision.ACCEPT)
        trader.work()
    market.buyer.hear()
    market.coordinator.refusals = ["some_reason"]

    market.buyer.work()
    said = len(market.coordinator.received)
    market.buyer.work()

    assert len(market.coordinator.received) == said


def test_an_export_of_an_earlier_process_is_never_signed_with(market: Market) -> None:
    market.fund()
    market.buyer.decide(Decision.RELEASE)
    market.buyer.work()
    market.vendor.hear()
    market.vendor.work()
    assert "export_info" in market.buyer.wallets.calls
    assert "build" not in market.buyer.wallets.calls

    market.buyer.restart()
    market.settle()

    assert reasons(market, Kind.PAYOUT_RESTART) == ["export_of_earlier_run"]
    assert market.buyer.wallets.calls.count("export_info") == 2
    assert market.record.payout is not None
    assert market.record.payout.txid == TXID


def test_a_build_in_doubt_throws_the_round_away(market: Market) -> None:
    market.fund()
    market.buyer.wallets.trouble["build"] = [DaemonUnreachable("Down in the middle.")]
    market.buyer.decide(Decision.RELEASE)
    market.settle()
    market.buyer.work()
    market.settle()

    assert reasons(market, Kind.PAYOUT_RESTART) == ["payout_in_doubt"]
    assert market.record.payout is not None
    assert market.record.payout.txid == TXID


def test_a_signed_payout_is_submitted_again_and_never_signed_twice(market: Market) -> None:
    market.fund()
    market.vendor.at = dies_at(Boundary.SIGNED)
    market.buyer.decide(Decision.RELEASE)
    with pytest.raises(PowerCut):
        market.settle()

    market.vendor.restart()
    market.vendor.node.confirmations = 0
    market.settle()

    assert market.vendor.wallets.calls.count("cosign") == 1
    assert "resubmit" in market.vendor.wallets.calls
    assert market.record.payout is not None
    assert market.record.payout.txid == TXID


@pytest.mark.parametrize("no", [PayoutOvertaken("Spent."), SubmitRejected("Ask the node.")])
def test_a_payout_that_the_node_took_before_it_was_ended_is_no_rival(
    market: Market, no: TripartiteError
) -> None:
    """A node that has just started again refuses it once more; the money is spent by itself."""
    market.fund()
    market.vendor.at = dies_at(Boundary.SIGNED)
    market.buyer.decide(Decision.RELEASE)
    with pytest.raises(PowerCut):
        market.settle()

    market.vendor.restart()
    market.vendor.wallets.trouble["resubmit"] = [no]
    market.vendor.node.confirmations = 0
    market.settle()

    assert market.vendor.alarms == []
    assert market.record.payout is not None
    assert market.record.payout.txid == TXID


def test_a_payout_that_pays_a_stranger_freezes_the_escrow_unsigned(market: Market) -> None:
    market.fund()
    market.vendor.wallets.trouble["cosign"] = [PayoutStrangerPaid("It pays somebody else.")]
    market.buyer.decide(Decision.RELEASE)
    market.settle()

    assert market.vendor.case.frozen is not None
    assert market.vendor.case.frozen.code == "payout_stranger_paid"
    assert market.vendor.desk.book.payout(ESCROW_ID, 1) is None
    assert market.record.payout is not None
    assert market.record.payout.txid is None


def test_prepared_wallets_are_used_before_new_ones(market: Market) -> None:
    book, wallets = market.buyer.desk.book, market.buyer.wallets
    ref = wallets.new_ref()
    book.note(ref)
    book.made(ref.name)

    market.agree()

    assigned = book.assigned(ESCROW_ID, 1)
    assert assigned is not None
    assert assigned.name == ref.name
    assert assigned.password == ref.password
    assert "make" not in wallets.calls


def test_a_wallet_half_made_by_a_dead_process_is_never_used(market: Market) -> None:
    book = market.buyer.desk.book
    book.note(market.buyer.wallets.new_ref())

    book.forget_half_made()

    assert book.prepared() == []
    assert states_of_wallets(market, Role.BUYER) == ["set_aside"]


def test_round_numbers_come_from_the_journal(market: Market) -> None:
    market.agree()

    for step in (Round.MAKE, Round.EXCHANGE, Round.ATTEST):
        found = market.buyer.opened.journal.rows(
            "SELECT finished FROM marks WHERE phase = 'key_exchange' AND step = ?", (int(step),)
        )
        assert found == [(1,)]
