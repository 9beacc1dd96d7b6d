"""A deposit counts once, when it can be spent, and only if two parties see it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tripartite.domain.deposits import (
    FIRST_UNIX_UNLOCK_TIME,
    MANY_OUTPUTS,
    MAX_CONFIRMATIONS,
    MOST_OUTPUTS,
    UNLOCK_DEPTH,
    ConfirmationsOutOfRange,
    ConfirmationTiers,
    ConfirmationTiersInvalid,
    DepositContradicts,
    DepositInvalid,
    Output,
    Report,
    Tally,
    is_funded,
    judge_parts,
    shortfall,
    tally,
)
from tripartite.domain.parties import Role

HEIGHT = 3_500_000
NOW = 1_795_000_000
AMOUNT = 1_000
TX = "a" * 64

heights = st.one_of(st.none(), st.integers(HEIGHT - 40, HEIGHT + 3), st.integers(0, HEIGHT))
unlock_times = st.one_of(
    st.just(0),
    st.integers(HEIGHT - 3, HEIGHT + 3),
    st.integers(NOW - 3, NOW + 3),
    st.sampled_from([FIRST_UNIX_UNLOCK_TIME - 1, FIRST_UNIX_UNLOCK_TIME, 2**62]),
)
outputs = st.builds(
    Output,
    txid=st.sampled_from(["a" * 64, "b" * 64, "c" * 64]),
    index=st.integers(0, 3),
    amount=st.one_of(st.integers(0, AMOUNT), st.integers(0, 2**64 - 1)),
    height=heights,
    unlock_time=unlock_times,
)
wallets = st.lists(outputs, unique_by=lambda output: (output.txid, output.index))
required = st.one_of(st.integers(UNLOCK_DEPTH, 30), st.integers(UNLOCK_DEPTH, MAX_CONFIRMATIONS))
dues = st.one_of(st.integers(1, 5_000), st.integers(1, 2**64 - 1))


def count(
    *found: Output,
    chain_height: int = HEIGHT,
    now_unix: int = NOW,
    confirmations: int = UNLOCK_DEPTH,
    amount: int = AMOUNT,
) -> Tally:
    return tally(
        found,
        chain_height=chain_height,
        now_unix=now_unix,
        required_confirmations=confirmations,
        amount=amount,
    )


def paid(
    amount: int = AMOUNT, *, depth: int = UNLOCK_DEPTH, index: int = 0, unlock_time: int = 0
) -> Output:
    """An output with so many confirmations; none means that it is in the pool."""
    return Output(TX, index, amount, HEIGHT - depth if depth else None, unlock_time)


# ── one wallet's view ──────────────────────────────────────────────────────────────────────────


def test_a_transaction_in_the_top_block_has_one_confirmation() -> None:
    assert Output(TX, 0, AMOUNT, height=100).confirmations(chain_height=101) == 1


@pytest.mark.parametrize(("chain_height", "confirmed"), [(109, 0), (110, AMOUNT)])
def test_a_deposit_counts_from_its_tenth_confirmation_on(chain_height: int, confirmed: int) -> None:
    found = count(Output(TX, 0, AMOUNT, height=100), chain_height=chain_height)
    assert found.confirmed == confirmed
    assert found.pending == AMOUNT - confirmed
    assert found.missing == 0


def test_a_deposit_in_the_pool_is_pending_with_no_confirmation() -> None:
    assert count(paid(depth=0)) == Tally(
        seen=AMOUNT,
        pending=AMOUNT,
        confirmed=0,
        locked=0,
        missing=0,
        surplus=0,
        confirmations=0,
        missing_confirmations=UNLOCK_DEPTH,
    )


def test_an_empty_wallet_misses_everything() -> None:
    found = count()
    assert (found.seen, found.missing) == (0, AMOUNT)
    assert found.missing_confirmations == UNLOCK_DEPTH


def test_an_underpayment_says_how_much_is_missing_and_a_top_up_completes_it() -> None:
    first = paid(700, depth=50)
    assert count(first).missing == 300
    topped_up = count(first, paid(300, depth=4, index=1))
    assert topped_up.missing == 0
    assert topped_up.confirmations == 4
    assert topped_up.missing_confirmations == 6
    assert topped_up.confirmed == 700


def test_an_output_beyond_what_is_needed_delays_nothing() -> None:
    found = count(paid(depth=20), paid(5, depth=0, index=1))
    assert found.confirmations == 20
    assert found.missing_confirmations == 0
    assert found.surplus == 5


@pytest.mark.parametrize(
    ("unlock_time", "locked"),
    [
        (0, False),
        (1, False),
        (HEIGHT, False),
        (HEIGHT + 1, True),
        (FIRST_UNIX_UNLOCK_TIME - 1, True),
        (FIRST_UNIX_UNLOCK_TIME, False),
        (NOW, False),
        (NOW + 1, True),
        (2**62, True),
        (2**64 - 1, True),
    ],
)
def test_an_unlock_time_below_half_a_billion_is_a_height_and_else_a_time(
    unlock_time: int, locked: bool
) -> None:
    found = count(paid(depth=1_000, unlock_time=unlock_time))
    assert found.locked == (AMOUNT if locked else 0)
    assert found.confirmed == (0 if locked else AMOUNT)


def test_a_locked_output_is_seen_but_its_amount_is_still_missing() -> None:
    found = count(paid(depth=1_000, unlock_time=2**62))
    assert (found.seen, found.missing, found.pending) == (AMOUNT, AMOUNT, 0)


def test_a_height_lock_opens_when_the_chain_reaches_it() -> None:
    output = paid(depth=1_000, unlock_time=HEIGHT + 1)
    assert count(output).confirmed == 0
    assert count(output, chain_height=HEIGHT + 1).confirmed == AMOUNT


def test_a_deposit_that_a_reorganisation_put_back_into_the_pool_no_longer_counts() -> None:
    mined = paid(depth=12)
    assert count(mined).confirmed == AMOUNT
    assert count(replace(mined, height=None)).confirmed == 0


def test_an_output_above_the_chain_is_unconfirmed() -> None:
    """The wallet has seen a block that the node it asks for the height hasn't."""
    early = Output(TX, 0, AMOUNT, height=HEIGHT + 5)
    assert early.confirmations(HEIGHT) == 0
    assert count(early).pending == AMOUNT


def test_an_output_listed_in_pool_and_block_counts_once_as_in_the_pool() -> None:
    mined = paid(depth=50)
    pool = replace(mined, height=None)
    assert count(mined, pool) == count(pool, mined) == count(pool)


@pytest.mark.parametrize("change", [{"amount": AMOUNT + 1}, {"unlock_time": 7}])
def test_one_output_with_two_contents_raises_the_alarm(change: dict[str, int]) -> None:
    output = paid()
    with pytest.raises(DepositContradicts):
        count(output, replace(output, **change))  # type: ignore[arg-type]  # fields that are ints


@given(wallets, required, dues)
def test_every_output_is_in_exactly_one_place(
    wallet: list[Output], confirmations: int, due: int
) -> None:
    found = count(*wallet, confirmations=confirmations, amount=due)
    assert found.seen == sum(output.amount for output in wallet)
    assert found.seen == found.locked + found.pending + found.confirmed
    assert found.confirmed + found.pending - due == found.surplus - found.missing
    assert 0 in (found.surplus, found.missing)
    assert min(found.locked, found.pending, found.confirmed, found.surplus, found.missing) >= 0


@given(wallets, required, dues)
def test_a_deposit_is_complete_exactly_when_nothing_is_missing(
    wallet: list[Output], confirmations: int, due: int
) -> None:
    found = count(*wallet, confirmations=confirmations, amount=due)
    complete = found.missing == 0 and found.missing_confirmations == 0
    assert complete == (found.confirmed >= due)


@given(wallets, required, dues, st.randoms(use_true_random=False), st.integers(0, 3))
def test_order_and_repetition_change_nothing(
    wallet: list[Output], confirmations: int, due: int, rng: Random, repeats: int
) -> None:
    shuffled = wallet + wallet[:repeats]
    rng.shuffle(shuffled)
    assert count(*shuffled, confirmations=confirmations, amount=due) == count(
        *wallet, confirmations=confirmations, amount=due
    )


@given(wallets, required, dues, st.integers(0, 50), st.integers(0, 6_000))
def test_time_and_blocks_only_ever_add_to_what_is_confirmed(
    wallet: list[Output], confirmations: int, due: int, blocks: int, seconds: int
) -> None:
    before = count(*wallet, confirmations=confirmations, amount=due)
    after = count(
        *wallet,
        confirmations=confirmations,
        amount=due,
        chain_height=HEIGHT + blocks,
        now_unix=NOW + seconds,
    )
    assert after.confirmed >= before.confirmed
    assert after.locked <= before.locked
    assert after.missing <= before.missing
    assert after.missing_confirmations <= before.missing_confirmations
    assert after.seen == before.seen


@given(wallets, outputs, required, dues)
def test_a_top_up_never_makes_anything_worse(
    wallet: list[Output], more: Output, confirmations: int, due: int
) -> None:
    before = count(*wallet, confirmations=confirmations, amount=due)
    after = count(*wallet, replace(more, index=9), confirmations=confirmations, amount=due)
    assert after.confirmed >= before.confirmed
    assert after.missing <= before.missing
    assert after.missing_confirmations <= before.missing_confirmations


@given(wallets, required, required, dues)
def test_more_confirmations_asked_for_never_confirm_more(
    wallet: list[Output], one: int, other: int, due: int
) -> None:
    lax = count(*wallet, confirmations=min(one, other), amount=due)
    strict = count(*wallet, confirmations=max(one, other), amount=due)
    assert strict.confirmed <= lax.confirmed
    assert (strict.seen, strict.locked, strict.missing) == (lax.seen, lax.locked, lax.missing)


@given(wallets, required)
def test_nothing_confirmed_is_unspendable(wallet: list[Output], confirmations: int) -> None:
    for output in wallet:
        if count(output, confirmations=confirmations).confirmed:
            assert output.height is not None
            assert HEIGHT - output.height >= UNLOCK_DEPTH
            assert not HEIGHT < output.unlock_time < FIRST_UNIX_UNLOCK_TIME
            assert output.unlock_time <= NOW


@pytest.mark.parametrize("confirmations", [-1, 0, UNLOCK_DEPTH - 1, MAX_CONFIRMATIONS + 1])
def test_fewer_confirmations_than_monero_can_spend_at_are_refused(confirmations: int) -> None:
    with pytest.raises(ConfirmationsOutOfRange):
        count(confirmations=confirmations)
    with pytest.raises(ConfirmationsOutOfRange):
        ConfirmationTiers(((1, confirmations),))


@pytest.mark.parametrize("field", ["index", "amount", "height", "unlock_time"])
def test_an_output_with_a_negative_number_is_refused(field: str) -> None:
    with pytest.raises(DepositInvalid):
        replace(paid(), **{field: -1})  # type: ignore[arg-type]  # fields that are ints


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_agreed_is_refused(amount: int) -> None:
    with pytest.raises(DepositInvalid):
        count(amount=amount)


# ── confirmations by amount ────────────────────────────────────────────────────────────────────


@given(st.integers(0, 2**64))
def test_without_tiers_ten_confirmations_are_enough(amount: int) -> None:
    assert ConfirmationTiers().required(amount) == UNLOCK_DEPTH


def test_a_tier_begins_at_its_amount() -> None:
    tiers = ConfirmationTiers(((500, 15), (1_000, 30)))
    assert [tiers.required(amount) for amount in (1, 499, 500, 999, 1_000, 10**18)] == [
        10,
        10,
        15,
        15,
        30,
        30,
    ]


@given(st.dictionaries(dues, required), dues, dues)
def test_a_larger_amount_never_needs_fewer_confirmations(
    drawn: dict[int, int], one: int, other: int
) -> None:
    amounts, needed = sorted(drawn), sorted(drawn.values())
    assume(len(set(needed)) == len(needed))
    tiers = ConfirmationTiers(tuple(zip(amounts, needed, strict=True)))
    assert UNLOCK_DEPTH <= tiers.required(min(one, other)) <= tiers.required(max(one, other))


@pytest.mark.parametrize(
    "tiers",
    [
        ((0, 10),),
        ((-5, 10),),
        ((500, 15), (500, 20)),
        ((500, 15), (400, 20)),
        ((500, 15), (600, 15)),
        ((500, 15), (600, 12)),
    ],
)
def test_tiers_that_do_not_rise_are_refused(tiers: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ConfirmationTiersInvalid):
        ConfirmationTiers(tiers)


# ── two parties' word ──────────────────────────────────────────────────────────────────────────

reports = st.builds(
    Report,
    confirmed=st.integers(0, 2 * AMOUNT),
    pending=st.integers(0, 2 * AMOUNT),
    locked=st.integers(0, 2 * AMOUNT),
    height=st.integers(0, HEIGHT),
)
report_sets = st.dictionaries(st.sampled_from(Role), reports)


def says(confirmed: int, *, pending: int = 0, locked: int = 0) -> Report:
    return Report(confirmed, pending, locked, HEIGHT)


@pytest.mark.parametrize("witness", Role)
def test_one_partys_word_is_not_enough(witness: Role) -> None:
    assert not is_funded({witness: says(AMOUNT)}, AMOUNT)


@pytest.mark.parametrize("silent", Role)
def test_any_two_parties_are_enough(silent: Role) -> None:
    assert is_funded({role: says(AMOUNT) for role in silent.others()}, AMOUNT)


def test_what_is_pending_or_locked_funds_nothing() -> None:
    full = {role: says(AMOUNT - 1, pending=AMOUNT, locked=AMOUNT) for role in Role}
    assert not is_funded(full, AMOUNT)


def test_a_report_that_shrinks_unfunds_the_escrow() -> None:
    seen = {Role.BUYER: says(AMOUNT), Role.ARBITER: says(AMOUNT)}
    assert is_funded(seen, AMOUNT)
    assert not is_funded(seen | {Role.ARBITER: says(0, pending=AMOUNT)}, AMOUNT)


@given(report_sets, st.integers(1, 2 * AMOUNT), st.sampled_from(Role))
def test_a_funded_escrow_has_two_witnesses_and_one_that_did_not_pay(
    told: dict[Role, Report], due: int, payer: Role
) -> None:
    witnesses = [role for role in told if told[role].confirmed >= due]
    assert is_funded(told, due, payer=payer) == (len(witnesses) >= 2)
    if is_funded(told, due, payer=payer):
        assert set(witnesses) - {payer}


@given(report_sets, st.integers(1, 2 * AMOUNT), st.sampled_from(Role), reports)
def test_no_single_liar_can_fund_an_escrow_by_itself(
    told: dict[Role, Report], due: int, liar: Role, lie: Report
) -> None:
    honest = {role: report for role, report in told.items() if role is not liar}
    if all(report.confirmed < due for report in honest.values()):
        assert not is_funded(honest | {liar: lie}, due)


@given(report_sets, st.integers(1, AMOUNT), st.integers(0, AMOUNT))
def test_a_smaller_sum_due_is_never_harder_to_reach(
    told: dict[Role, Report], due: int, more: int
) -> None:
    assert is_funded(told, due) or not is_funded(told, due + more)


@pytest.mark.parametrize("due", [0, -1])
def test_an_escrow_that_costs_nothing_is_refused(due: int) -> None:
    with pytest.raises(DepositInvalid):
        is_funded({}, due)


@pytest.mark.parametrize("field", ["confirmed", "pending", "locked", "height"])
def test_a_report_with_a_negative_number_is_refused(field: str) -> None:
    with pytest.raises(DepositInvalid):
        replace(says(1), **{field: -1})


@pytest.mark.parametrize(
    ("buyer", "vendor", "missing", "surplus"),
    [
        (None, None, 1_000, 0),
        ((300, 100), None, 600, 0),
        ((300, 100), (300, 0), 700, 0),
        ((1_000, 0), (1_000, 0), 0, 0),
        ((1_000, 250), (1_250, 0), 0, 250),
    ],
)
def test_what_is_missing_goes_by_the_lowest_word(
    buyer: tuple[int, int] | None, vendor: tuple[int, int] | None, missing: int, surplus: int
) -> None:
    told = {Role.BUYER: buyer, Role.VENDOR: vendor}
    reports = {
        role: Report(confirmed=sums[0], pending=sums[1], locked=5_000, height=1)
        for role, sums in told.items()
        if sums is not None
    }

    assert shortfall(reports, 1_000) == (missing, surplus)


@pytest.mark.parametrize(
    ("count", "code"),
    [
        (0, None),
        (MANY_OUTPUTS, None),
        (MANY_OUTPUTS + 1, "deposit_in_many_parts"),
        (MOST_OUTPUTS, "deposit_in_many_parts"),
        (MOST_OUTPUTS + 1, "deposit_in_too_many_parts"),
    ],
)
def test_people_hear_of_a_deposit_in_too_many_parts(count: int, code: str | None) -> None:
    outputs = [Output("ab" * 32, index, 1, 100) for index in range(count)]

    found = judge_parts([*outputs, *outputs])  # as while they move from pool to block

    assert (found and found.code) == code
