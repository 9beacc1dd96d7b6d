from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.domain.percentages import format_percent, parse_percent
from tripartite.domain.settlement import FeeRuleInvalid


@given(st.integers(0, 999_999_999))
def test_what_is_shown_can_be_typed(bps: int) -> None:
    assert parse_percent(format_percent(bps)) == bps


@pytest.mark.parametrize(
    ("text", "bps"),
    [("0", 0), ("2", 200), ("1.5", 150), ("1.05", 105), (" 33.33 % ", 3_333), ("100%", 10_000)],
)
def test_a_share_has_two_decimals_at_most(text: str, bps: int) -> None:
    assert parse_percent(text) == bps


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%",
        ".",
        ".5",
        "1.",
        "1.234",
        "-1",
        "+1",
        "1,5",
        "1e1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1 5",
        "12345678",
    ],
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(FeeRuleInvalid):
        parse_percent(text)
