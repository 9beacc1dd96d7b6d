"""Money is read strictly and written exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.errors import Refused
from tripartite.domain.money import (
    ATOMIC,
    MAX_SUPPLY,
    AmountAboveSupply,
    AmountMalformed,
    AmountNotPositive,
    AmountTooPrecise,
    format_xmr,
    parse_piconero,
    parse_xmr,
)

AMOUNTS = st.integers(min_value=1, max_value=MAX_SUPPLY)


@given(AMOUNTS)
def test_an_amount_that_is_written_reads_back_exactly(amount: int) -> None:
    assert parse_xmr(format_xmr(amount)) == amount
    assert parse_piconero(str(amount)) == amount


@given(st.text())
def test_any_text_is_either_an_amount_or_refused(text: str) -> None:
    try:
        amount = parse_xmr(text)
    except Refused:
        return
    assert 0 < amount <= MAX_SUPPLY
    assert text.isascii()


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", ATOMIC),
        ("1.0", ATOMIC),
        ("0.5", ATOMIC // 2),
        ("0.000000000001", 1),
        ("18446744.073709551615", MAX_SUPPLY),
        ("1.250000000000", 1_250_000_000_000),
    ],
)
def test_plain_decimals_are_read(text: str, amount: int) -> None:
    assert parse_xmr(text) == amount


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 ", " 1", "+1", "-1", "1e3", "1_000", "1,5", ".5", "5.", "1.2.3", "01", "00",
     "0x1", "NaN", "inf", "\u0661", "1\n", "1.\u0660", "\uff11", "\u00b2"],
)  # fmt: skip
def test_anything_but_plain_digits_is_malformed(text: str) -> None:
    with pytest.raises(AmountMalformed):
        parse_xmr(text)


@pytest.mark.parametrize("text", ["0.0000000000001", "1.0000000000000", "0.1234567890123"])
def test_a_thirteenth_decimal_is_refused_rather_than_cut_off(text: str) -> None:
    with pytest.raises(AmountTooPrecise):
        parse_xmr(text)


@pytest.mark.parametrize("text", ["0", "0.0", "0.000000000000"])
def test_nothing_is_not_an_amount(text: str) -> None:
    with pytest.raises(AmountNotPositive):
        parse_xmr(text)


@pytest.mark.parametrize("text", ["18446744.073709551616", "18446745", "9" * 5000])
def test_more_than_the_supply_is_refused(text: str) -> None:
    with pytest.raises(AmountAboveSupply):
        parse_xmr(text)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", AmountMalformed),
        ("007", AmountMalformed),
        ("-1", AmountMalformed),
        ("1.0", AmountMalformed),
        ("1\n", AmountMalformed),
        ("\u0661", AmountMalformed),
        ("0", AmountNotPositive),
        (str(MAX_SUPPLY + 1), AmountAboveSupply),
        ("9" * 5000, AmountAboveSupply),
    ],
)
def test_a_message_carries_piconero_in_one_form_only(text: str, refusal: type[Refused]) -> None:
    with pytest.raises(refusal):
        parse_piconero(text)


def test_a_share_may_be_nothing_where_the_caller_says_so() -> None:
    assert parse_piconero("0", zero_allowed=True) == 0
    assert parse_xmr("0", zero_allowed=True) == parse_xmr("0.000", zero_allowed=True) == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1, "0.000000000001"), (ATOMIC, "1"), (ATOMIC * 3 // 2, "1.5")],
)
def test_an_amount_is_written_without_idle_zeros(amount: int, text: str) -> None:
    assert format_xmr(amount) == text


def test_a_negative_amount_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="never negative"):
        format_xmr(-1)
