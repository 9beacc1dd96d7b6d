"""Nobody's piconero is lost, made up, or given to the wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tripartite.domain import settlement
from tripartite.domain.parties import Role
from tripartite.domain.settlement import (
    ALL_BPS,
    FeeRule,
    FeeRuleInvalid,
    NetworkFeeAboveBalance,
    NetworkFeeBearer,
    NothingToPayOut,
    Recipient,
    ReleaseUnderpaid,
    ShareOutOfRange,
    Split,
    apportion,
    divide,
    net_of_fee,
    refund,
    release,
    ruling,
)

SUPPLY = 2**64 - 1
"""More than all piconero that can exist in one transaction field."""

# Small numbers find rounding faults, large ones find anything that isn't whole-number arithmetic.
money = st.one_of(st.integers(1, 300), st.integers(1, SUPPLY))
bps = st.one_of(st.sampled_from([0, 1, ALL_BPS - 1, ALL_BPS]), st.integers(0, ALL_BPS))
bearers = st.sampled_from(NetworkFeeBearer)


@st.composite
def rules(draw: st.DrawFn) -> FeeRule:
    arbiter = draw(bps)
    return FeeRule(draw(bearers), arbiter, draw(st.integers(0, ALL_BPS - arbiter)))


@st.composite
def splits(draw: st.DrawFn) -> Split:
    part = st.one_of(st.just(0), st.integers(0, 50), st.integers(0, SUPPLY))
    return Split(draw(part), draw(part), draw(part), draw(part))


@st.composite
def amounts_with_a_share(draw: st.DrawFn) -> tuple[int, int]:
    amount = draw(money)
    return amount, draw(st.integers(0, amount))


@st.composite
def splits_with_a_fee(draw: st.DrawFn) -> tuple[Split, int]:
    split = draw(splits())
    return split, draw(st.one_of(st.integers(0, split.total), st.just(split.total)))


# ── worked examples ────────────────────────────────────────────────────────────────────────────


def _rows(first_cell: str) -> Iterator[list[str]]:
    """The rows of the table in the module's docstring whose header starts with this cell."""
    assert settlement.__doc__ is not None
    inside = False
    for line in settlement.__doc__.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not cells[0].startswith("-"):
            yield cells


ENDINGS = list(_rows("ending"))
FEES = list(_rows("bearer"))


def test_the_tables_of_examples_are_found() -> None:
    assert len(ENDINGS) == 14
    assert len(FEES) == 8


@pytest.mark.parametrize("row", ENDINGS, ids=lambda row: " at ".join(row[:2]))
def test_a_documented_ending_gives_what_the_document_says(row: list[str]) -> None:
    rule = FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=200, platform_bps=100)
    ending, balance, *parts = row
    match ending.split():
        case ["release"]:
            found = release(1000, int(balance), rule)
        case ["refund"]:
            found = refund(int(balance))
        case ["divide", share]:
            found = divide(1000, int(balance), rule, vendor_share=int(share))
        case ["ruling", share]:
            found = ruling(1000, int(balance), rule, vendor_bps=int(share))
        case _:
            pytest.fail(f"no such ending: {ending}")
    assert found.parts == tuple(int(part) for part in parts)


@pytest.mark.parametrize("row", FEES, ids=lambda row: " ".join(row[:5]))
def test_a_documented_fee_is_borne_as_the_document_says(row: list[str]) -> None:
    bearer, *before, _, a, b, c, d = row
    split = Split(*(int(part) for part in before))
    after = net_of_fee(split, 30, NetworkFeeBearer(bearer))
    assert after.parts == (int(a), int(b), int(c), int(d))


# ── the gross split ────────────────────────────────────────────────────────────────────────────


@given(money, money, rules())
def test_a_release_pays_out_exactly_the_balance(amount: int, balance: int, rule: FeeRule) -> None:
    assume(balance >= amount)
    split = release(amount, balance, rule)
    assert split.total == balance
    assert split.buyer == balance - amount
    assert split.arbiter == 0
    assert split.platform == amount * rule.platform_bps // ALL_BPS


@given(money, st.data(), rules())
def test_an_underpaid_release_is_refused_and_says_how_much_is_missing(
    amount: int, data: st.DataObject, rule: FeeRule
) -> None:
    assume(amount > 1)
    balance = data.draw(st.integers(1, amount - 1))
    with pytest.raises(ReleaseUnderpaid) as refused:
        release(amount, balance, rule)
    assert refused.value.facts == {"missing": amount - balance}


@given(money)
def test_a_refund_gives_the_buyer_everything(balance: int) -> None:
    assert refund(balance).items() == ((Recipient.BUYER, balance),)


@given(amounts_with_a_share(), money, rules())
def test_a_settlement_pays_out_exactly_the_balance(
    agreed: tuple[int, int], balance: int, rule: FeeRule
) -> None:
    amount, share = agreed
    split = divide(amount, balance, rule, vendor_share=share)
    assert split.total == balance
    assert split.arbiter == 0
    assert split.vendor + split.platform <= share
    assert split.buyer >= balance - amount  # the surplus at least


@given(money, money, rules(), bps)
def test_a_ruling_pays_out_exactly_the_balance(
    amount: int, balance: int, rule: FeeRule, share: int
) -> None:
    split = ruling(amount, balance, rule, vendor_bps=share)
    assert split.total == balance
    assert split.arbiter == min(amount, balance) * rule.arbiter_bps // ALL_BPS
    assert split.buyer >= balance - amount


@given(amounts_with_a_share(), money, rules())
def test_the_surplus_goes_to_the_buyer_and_to_nobody_else(
    agreed: tuple[int, int], surplus: int, rule: FeeRule
) -> None:
    amount, share = agreed
    exact = divide(amount, amount, rule, vendor_share=share)
    over = divide(amount, amount + surplus, rule, vendor_share=share)
    assert over.parts == (exact.buyer + surplus, *exact.parts[1:])


@given(money, money, rules(), bps)
def test_the_surplus_of_a_ruling_goes_to_the_buyer_and_to_nobody_else(
    amount: int, surplus: int, rule: FeeRule, share: int
) -> None:
    exact = ruling(amount, amount, rule, vendor_bps=share)
    over = ruling(amount, amount + surplus, rule, vendor_bps=share)
    assert over.parts == (exact.buyer + surplus, *exact.parts[1:])


@given(amounts_with_a_share(), st.data(), rules())
def test_an_underpaid_settlement_shrinks_the_vendors_share_in_proportion(
    agreed: tuple[int, int], data: st.DataObject, rule: FeeRule
) -> None:
    amount, share = agreed
    balance = data.draw(st.integers(1, amount))
    split = divide(amount, balance, rule, vendor_share=share)
    part = split.vendor + split.platform
    assert part * amount <= share * balance < (part + 1) * amount


@given(money, st.data(), rules(), bps)
def test_an_underpaid_ruling_is_a_ruling_about_what_arrived(
    amount: int, data: st.DataObject, rule: FeeRule, share: int
) -> None:
    balance = data.draw(st.integers(1, amount))
    short = ruling(amount, balance, rule, vendor_bps=share)
    assert short == ruling(balance, balance, rule, vendor_bps=share)


@given(amounts_with_a_share(), money, rules(), st.data())
def test_a_larger_share_never_gives_the_vendor_less_or_the_buyer_more(
    agreed: tuple[int, int], balance: int, rule: FeeRule, data: st.DataObject
) -> None:
    amount, larger = agreed
    smaller = data.draw(st.one_of(st.just(max(0, larger - 1)), st.integers(0, larger)))
    less = divide(amount, balance, rule, vendor_share=smaller)
    more = divide(amount, balance, rule, vendor_share=larger)
    assert more.vendor >= less.vendor
    assert more.platform >= less.platform
    assert more.buyer <= less.buyer


@given(money, money, rules(), bps, bps)
def test_a_ruling_more_for_the_vendor_never_gives_the_vendor_less(
    amount: int, balance: int, rule: FeeRule, one: int, other: int
) -> None:
    less = ruling(amount, balance, rule, vendor_bps=min(one, other))
    more = ruling(amount, balance, rule, vendor_bps=max(one, other))
    assert more.vendor >= less.vendor
    assert more.buyer <= less.buyer
    assert more.arbiter == less.arbiter  # the arbiter gains nothing by taking sides


@given(amounts_with_a_share(), money, money, rules())
def test_more_money_in_the_wallet_never_gives_anyone_less(
    agreed: tuple[int, int], balance: int, more: int, rule: FeeRule
) -> None:
    amount, share = agreed
    before = divide(amount, balance, rule, vendor_share=share)
    after = divide(amount, balance + more, rule, vendor_share=share)
    assert all(now >= then for now, then in zip(after.parts, before.parts, strict=True))


@given(money, money, rules())
def test_the_extremes_of_a_settlement_are_a_release_and_a_refund(
    amount: int, balance: int, rule: FeeRule
) -> None:
    assert divide(amount, balance, rule, vendor_share=0) == refund(balance)
    assume(balance >= amount)
    assert divide(amount, balance, rule, vendor_share=amount) == release(amount, balance, rule)


@given(money, money, bps)
def test_an_unpaid_arbiters_extreme_rulings_are_a_release_and_a_refund(
    amount: int, balance: int, platform: int
) -> None:
    rule = FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=0, platform_bps=platform)
    assert ruling(amount, balance, rule, vendor_bps=0) == refund(balance)
    assume(balance >= amount)
    assert ruling(amount, balance, rule, vendor_bps=ALL_BPS) == release(amount, balance, rule)


@given(money, money, rules(), bps)
def test_who_bears_the_network_fee_changes_no_gross_split(
    amount: int, balance: int, rule: FeeRule, share: int
) -> None:
    for bearer in NetworkFeeBearer:
        other = FeeRule(bearer, rule.arbiter_bps, rule.platform_bps)
        assert ruling(amount, balance, other, vendor_bps=share) == ruling(
            amount, balance, rule, vendor_bps=share
        )


# ── the network fee ────────────────────────────────────────────────────────────────────────────


def _bearing(split: Split, bearer: NetworkFeeBearer) -> int:
    """How much the ones who should bear the fee receive."""
    shares = {
        NetworkFeeBearer.PAYEE: split.vendor,
        NetworkFeeBearer.PAYER: split.buyer,
        NetworkFeeBearer.SHARED: split.buyer + split.vendor,
    }
    return shares[bearer]


@given(splits_with_a_fee(), bearers)
def test_exactly_the_fee_goes_and_nobody_falls_below_zero_or_gains(
    case: tuple[Split, int], bearer: NetworkFeeBearer
) -> None:
    split, fee = case
    net = net_of_fee(split, fee, bearer)
    assert net.total == split.total - fee
    assert all(0 <= after <= before for after, before in zip(net.parts, split.parts, strict=True))


@given(splits_with_a_fee(), bearers)
def test_others_pay_nothing_while_the_bearer_can_carry_the_fee(
    case: tuple[Split, int], bearer: NetworkFeeBearer
) -> None:
    split, fee = case
    fee = min(fee, _bearing(split, bearer))
    net = net_of_fee(split, fee, bearer)
    assert (net.arbiter, net.platform) == (split.arbiter, split.platform)
    if bearer is NetworkFeeBearer.PAYEE:
        assert net.buyer == split.buyer
    if bearer is NetworkFeeBearer.PAYER:
        assert net.vendor == split.vendor


@given(splits_with_a_fee(), bearers)
def test_others_pay_only_when_the_bearer_has_nothing_left(
    case: tuple[Split, int], bearer: NetworkFeeBearer
) -> None:
    split, fee = case
    net = net_of_fee(split, fee, bearer)
    if fee >= _bearing(split, bearer):
        assert _bearing(net, bearer) == 0


@given(splits_with_a_fee(), bearers)
def test_what_the_bearer_cannot_carry_falls_on_the_others_in_proportion(
    case: tuple[Split, int], bearer: NetworkFeeBearer
) -> None:
    split, fee = case
    net = net_of_fee(split, fee, bearer)
    fallen = max(0, fee - _bearing(split, bearer))
    others = split.total - _bearing(split, bearer)
    for before, after in ((split.arbiter, net.arbiter), (split.platform, net.platform)):
        assert abs((before - after) * others - fallen * before) < max(others, 1)


@given(splits_with_a_fee())
def test_a_shared_fee_is_borne_in_proportion_to_within_a_piconero(case: tuple[Split, int]) -> None:
    split, fee = case
    whole = split.buyer + split.vendor
    fee = min(fee, whole)
    net = net_of_fee(split, fee, NetworkFeeBearer.SHARED)
    assert abs((split.buyer - net.buyer) * whole - fee * split.buyer) < max(whole, 1)


@given(splits_with_a_fee())
def test_buyer_and_vendor_are_treated_alike(case: tuple[Split, int]) -> None:
    """With the roles swapped the fee swaps too, but for one odd piconero that goes by order."""
    split, fee = case
    swapped = Split(split.vendor, split.buyer, split.arbiter, split.platform)
    payee = net_of_fee(split, fee, NetworkFeeBearer.PAYEE)
    payer = net_of_fee(swapped, fee, NetworkFeeBearer.PAYER)
    assert abs(payee.vendor - payer.buyer) <= 1
    assert abs(payee.buyer - payer.vendor) <= 1


@given(splits(), bearers)
def test_no_fee_changes_nothing_and_a_fee_of_everything_leaves_nothing(
    split: Split, bearer: NetworkFeeBearer
) -> None:
    assert net_of_fee(split, 0, bearer) == split
    assert net_of_fee(split, split.total, bearer) == Split()


@given(splits(), bearers, money)
def test_a_fee_above_the_balance_is_refused(
    split: Split, bearer: NetworkFeeBearer, more: int
) -> None:
    with pytest.raises(NetworkFeeAboveBalance):
        net_of_fee(split, split.total + more, bearer)


@given(splits(), bearers, money)
def test_a_negative_fee_is_refused(split: Split, bearer: NetworkFeeBearer, fee: int) -> None:
    with pytest.raises(ShareOutOfRange):
        net_of_fee(split, -fee, bearer)


@given(amounts_with_a_share(), money, rules(), st.data())
def test_a_larger_share_never_gives_the_vendor_less_after_the_vendors_fee(
    agreed: tuple[int, int], balance: int, rule: FeeRule, data: st.DataObject
) -> None:
    amount, larger = agreed
    smaller = data.draw(st.one_of(st.just(max(0, larger - 1)), st.integers(0, larger)))
    fee = data.draw(st.integers(0, balance))
    less = divide(amount, balance, rule, vendor_share=smaller)
    more = divide(amount, balance, rule, vendor_share=larger)
    payee = NetworkFeeBearer.PAYEE
    assert net_of_fee(more, fee, payee).vendor >= net_of_fee(less, fee, payee).vendor


@given(amounts_with_a_share(), st.data())
def test_a_larger_share_never_gives_the_vendor_less_after_a_shared_fee(
    agreed: tuple[int, int], data: st.DataObject
) -> None:
    amount, larger = agreed
    rule = FeeRule(NetworkFeeBearer.SHARED, arbiter_bps=0, platform_bps=0)
    smaller = data.draw(st.one_of(st.just(max(0, larger - 1)), st.integers(0, larger)))
    fee = data.draw(st.integers(0, amount))
    less = net_of_fee(divide(amount, amount, rule, vendor_share=smaller), fee, rule.bearer)
    more = net_of_fee(divide(amount, amount, rule, vendor_share=larger), fee, rule.bearer)
    assert more.vendor >= less.vendor
    assert more.buyer <= less.buyer


# ── dividing in proportion ─────────────────────────────────────────────────────────────────────

weight_lists = st.lists(st.one_of(st.integers(0, 9), st.integers(0, SUPPLY)), min_size=1)


@given(weight_lists, st.integers(0, SUPPLY))
def test_a_division_is_exact_and_nobody_is_a_whole_unit_off(weights: list[int], total: int) -> None:
    whole = sum(weights)
    assume(whole > 0)
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - total * weight) < whole


@given(st.lists(st.integers(0, SUPPLY), min_size=1, unique=True), st.data())
def test_a_division_does_not_depend_on_the_order_of_unequal_claims(
    weights: list[int], data: st.DataObject
) -> None:
    whole = sum(weights)
    assume(whole > 0)
    total = data.draw(st.integers(0, SUPPLY))
    remainders = [total * weight % whole for weight in weights]
    assume(len(set(remainders)) == len(remainders))  # equals are told apart by their place
    order = data.draw(st.permutations(range(len(weights))))
    parts = apportion(total, weights)
    shuffled = apportion(total, [weights[place] for place in order])
    assert shuffled == tuple(parts[place] for place in order)


@given(weight_lists, st.data())
def test_a_larger_claim_never_gets_less(weights: list[int], data: st.DataObject) -> None:
    assume(sum(weights) > 0)
    parts = apportion(data.draw(st.integers(0, SUPPLY)), weights)
    ranked = sorted(zip(weights, parts, strict=True))
    for (small, less), (large, more) in pairwise(ranked):
        assert small == large or less <= more


def test_equals_are_served_in_order() -> None:
    assert apportion(2, [1, 1, 1]) == (1, 1, 0)


def test_nothing_divided_among_nobody_is_nothing() -> None:
    assert apportion(0, [0, 0]) == (0, 0)


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (1, []), (-1, [1]), (1, [2, -1])])
def test_a_division_that_makes_no_sense_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ShareOutOfRange):
        apportion(total, weights)


# ── what is refused ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arbiter", "platform"), [(-1, 0), (0, -1), (10_001, 0), (0, 10_001), (5_001, 5_000)]
)
def test_fees_below_nothing_or_above_everything_are_refused(arbiter: int, platform: int) -> None:
    with pytest.raises(FeeRuleInvalid):
        FeeRule(NetworkFeeBearer.PAYEE, arbiter, platform)


@pytest.mark.parametrize("part", ["buyer", "vendor", "arbiter", "platform"])
def test_a_split_with_a_negative_part_is_refused(part: str) -> None:
    with pytest.raises(ShareOutOfRange, match=part):
        Split(**{part: -1})


FREE = FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=0, platform_bps=0)


@pytest.mark.parametrize("share", [-1, 1001])
def test_a_settlement_outside_the_agreed_amount_is_refused(share: int) -> None:
    with pytest.raises(ShareOutOfRange):
        divide(1000, 2000, FREE, vendor_share=share)


@pytest.mark.parametrize("share", [-1, 10_001])
def test_a_ruling_outside_the_whole_is_refused(share: int) -> None:
    with pytest.raises(ShareOutOfRange):
        ruling(1000, 1000, FREE, vendor_bps=share)


@pytest.mark.parametrize("balance", [0, -1])
def test_an_empty_wallet_pays_nobody(balance: int) -> None:
    with pytest.raises(NothingToPayOut):
        refund(balance)
    with pytest.raises(NothingToPayOut):
        release(1000, balance, FREE)
    with pytest.raises(NothingToPayOut):
        divide(1000, balance, FREE, vendor_share=1)
    with pytest.raises(NothingToPayOut):
        ruling(1000, balance, FREE, vendor_bps=1)


def test_an_agreement_about_nothing_is_refused() -> None:
    with pytest.raises(ShareOutOfRange):
        divide(0, 1000, FREE, vendor_share=0)


# ── names and order ────────────────────────────────────────────────────────────────────────────


def test_only_those_who_get_something_are_listed_in_the_common_order() -> None:
    assert Split(buyer=1, platform=2).items() == ((Recipient.BUYER, 1), (Recipient.PLATFORM, 2))


def test_recipients_carry_the_names_and_order_of_the_roles() -> None:
    assert [recipient.value for recipient in Recipient][:3] == [role.value for role in Role]
