"""Words that cross on their way: honest ones are nobody's fault, and no alarm."""

from __future__ import annotations

import pytest

from tests.unit.agent.market import Market, Trader
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.journal import Outgoing
from tripartite.agent.speaking import Say
from tripartite.domain.key_exchange import Round
from tripartite.domain.lifecycle import State
from tripartite.protocol.envelope import Kind, read_envelope


def restart(trader: Trader) -> None:
    """Throw the key exchange away, as an agent does that lost an answer of its wallet."""
    trader.hear()
    say = Say(Kind.KEY_EXCHANGE_RESTART, {"reason": "wallet_in_doubt"}, trader.case.record.attempt)
    speaker = trader.reconciler._speaker
    speaker.deliver(speaker.write(trader.case, say))


def crossed(market: Market, meanwhile: Trader) -> None:
    """The vendor's second key exchange message arrives just after the other's restart."""
    pending = [True]

    def on_post(text: str) -> None:
        said = read_envelope(text)
        if pending and said.role is market.vendor.role and said.round == Round.MAKE:
            pending.clear()
            restart(meanwhile)

    market.coordinator.on_post = on_post


def test_an_attempt_that_another_threw_away_meanwhile_is_no_alarm(market: Market) -> None:
    crossed(market, market.arbiter)

    market.agree()

    assert market.record.state is State.AWAITING_DEPOSIT
    assert market.record.attempt == 2
    assert [one.alarms for one in market.traders.values()] == [[], [], []]


def test_words_that_arrive_while_their_absence_is_noticed_count_at_once(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' words come by another way than the answer to one's own, and later."""
    vendor, journal, pending = market.vendor, market.vendor.opened.journal, [True]
    unanswered = journal.unanswered

    def on_post(text: str) -> None:
        if pending and read_envelope(text).kind is Kind.KEY_EXCHANGE:
            pending.clear()
            market.arbiter.hear()
            market.arbiter.work()

    def hear_meanwhile(escrow_id: str) -> Outgoing | None:
        if vendor.desk.cases.is_behind(escrow_id):
            vendor.hear()
        return unanswered(escrow_id)

    market.coordinator.on_post = on_post
    monkeypatch.setattr(journal, "unanswered", hear_meanwhile)

    market.agree()

    assert market.record.state is State.AWAITING_DEPOSIT
    assert not pending
    assert vendor.wallets.calls.count("prepare") == 1


def test_a_refusal_that_nothing_on_record_explains_is_an_alarm(market: Market) -> None:
    market.agree()
    market.coordinator.refusals = ["out_of_round"]
    market.vendor.wallets.deposit(5)
    market.vendor.seconds += 1_000

    market.vendor.work()

    assert market.vendor.alarms == ["message_refused"]


def test_a_refusal_of_what_still_fits_is_an_alarm_though_others_spoke(market: Market) -> None:
    """A coordinator can't hide behind somebody else's words."""
    market.agree()
    for trader in (market.buyer, market.vendor):
        trader.wallets.deposit(5)
        trader.seconds += 1_000
    market.buyer.work(ESCROW_ID)
    market.coordinator.refusals = ["out_of_round"]

    market.vendor.work()

    assert "message_refused" in market.vendor.alarms
