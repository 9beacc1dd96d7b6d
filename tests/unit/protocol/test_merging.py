"""Two copies of one record, when no coordinator gives the order any more."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.protocol.trade import Trade
from tripartite.domain.errors import Tampered
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, write_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.merging import Copy, NumberUsedTwice, RecordsDiffer, merge
from tripartite.protocol.record import Record
from tripartite.protocol.signing import SignatureInvalid


def funded() -> Trade:
    trade = Trade()
    trade.agree()
    trade.key()
    trade.fund()
    return trade


def texts(trade: Trade) -> tuple[str, ...]:
    return tuple(admission.message.text for admission in trade.log)


def said_apart(trade: Trade, role: Role, kind: Kind) -> str:
    """What ``role`` writes next without the others hearing it."""
    return trade.write(role, kind, {})


def copy(holder: Role, carried: tuple[str, ...], *more: str) -> Copy:
    return Copy(holder, len(carried), (*carried, *more))


def test_who_heard_less_takes_over_what_the_other_has() -> None:
    trade = funded()
    carried = texts(trade)
    release = said_apart(trade, Role.BUYER, Kind.RELEASE)

    merged = merge(copy(Role.VENDOR, carried), copy(Role.BUYER, carried, release))

    assert merged.texts == (*carried, release)
    assert merged.record.state is State.RELEASING
    assert merged.set_aside == ()


def test_who_was_cut_off_from_the_coordinator_earlier_catches_up() -> None:
    trade = funded()
    carried = texts(trade)

    merged = merge(copy(Role.BUYER, carried[:-1]), copy(Role.VENDOR, carried))

    assert (merged.texts, merged.carried) == (carried, len(carried))


def test_both_come_to_the_same_record_whoever_merges() -> None:
    """The buyer releases and the vendor refunds, neither knowing of the other."""
    trade = funded()
    carried = texts(trade)
    release = said_apart(trade, Role.BUYER, Kind.RELEASE)
    refund = said_apart(trade, Role.VENDOR, Kind.REFUND)
    buyers, vendors = copy(Role.BUYER, carried, release), copy(Role.VENDOR, carried, refund)

    one, other = merge(buyers, vendors), merge(vendors, buyers)

    assert one == other
    assert one.record.state is State.RELEASING
    assert [(aside.text, aside.code) for aside in one.set_aside] == [(refund, "move_not_open")]


def test_merging_goes_on_where_only_one_of_them_has_merged() -> None:
    trade = funded()
    carried = texts(trade)
    first = said_apart(trade, Role.VENDOR, Kind.DISPUTE)
    trade.say(Role.BUYER, Kind.RELEASE)
    buyers = texts(trade)[len(carried) :]
    merged = merge(copy(Role.BUYER, carried, *buyers), copy(Role.VENDOR, carried, first))
    again = merge(
        copy(Role.VENDOR, carried, first), copy(Role.BUYER, carried, *merged.texts[len(carried) :])
    )

    assert again.texts == merged.texts


def test_a_set_aside_word_may_be_said_again_with_the_next_number() -> None:
    trade = funded()
    carried = texts(trade)
    refund = said_apart(trade, Role.VENDOR, Kind.REFUND)
    head = trade.now.heads[Role.VENDOR]
    again = trade.write(Role.VENDOR, Kind.REFUND, {}, seq=head.seq + 2)

    merged = merge(copy(Role.BUYER, carried, refund), copy(Role.VENDOR, carried, again))

    assert merged.texts == (*carried, refund)
    assert [aside.code for aside in merged.set_aside] == ["chain_broken"]


def test_two_histories_from_one_coordinator_are_an_alarm() -> None:
    trade = funded()
    carried = texts(trade)
    swapped = (*carried[:-2], carried[-1], carried[-2])

    for mine, theirs in itertools.permutations((carried, swapped), 2):
        with pytest.raises(RecordsDiffer) as raised:
            merge(copy(Role.BUYER, mine), copy(Role.VENDOR, theirs))
        assert raised.value.facts["position"] == len(carried) - 1


def test_a_party_with_two_tongues_is_found_out() -> None:
    trade = funded()
    carried = texts(trade)
    release = said_apart(trade, Role.BUYER, Kind.RELEASE)
    other = said_apart(trade, Role.BUYER, Kind.DISPUTE)

    with pytest.raises(NumberUsedTwice):
        merge(copy(Role.BUYER, carried, release), copy(Role.VENDOR, carried, other))


def test_nobody_is_accused_by_words_that_others_forged() -> None:
    trade = funded()
    carried = texts(trade)
    release = said_apart(trade, Role.BUYER, Kind.RELEASE)
    forged = trade.write(Role.BUYER, Kind.DISPUTE, {}, signer=Identity.generate())

    with pytest.raises((SignatureInvalid, Tampered)) as raised:
        merge(copy(Role.BUYER, carried, release), copy(Role.VENDOR, carried, forged))
    assert not isinstance(raised.value, NumberUsedTwice)


def test_what_was_shuffled_after_the_coordinator_left_comes_out_the_same() -> None:
    """A liar who hands over files can't rewrite what the coordinator had carried."""
    trade = funded()
    carried = texts(trade)
    record: Record = trade.now
    shuffled = Copy(Role.BUYER, 1, (carried[0], *reversed(carried[1:])))

    merged = merge(copy(Role.VENDOR, carried), shuffled)

    assert (merged.record, merged.texts) == (record, carried)


def test_another_escrows_words_fit_nowhere() -> None:
    trade, other = funded(), Trade()
    other.agree()
    head = trade.now.heads[Role.BUYER]
    foreign = write_envelope(
        trade.identities[Role.BUYER],
        escrow_id="ab" * 16,
        contract_id=trade.now.contract_id,
        role=Role.BUYER,
        kind=Kind.RELEASE,
        seq=head.seq + 1,
        prev=head.digest,
        body={},
    )

    merged = merge(copy(Role.VENDOR, texts(trade)), copy(Role.BUYER, texts(trade), foreign))

    assert [aside.code for aside in merged.set_aside] == ["wrong_escrow"]
