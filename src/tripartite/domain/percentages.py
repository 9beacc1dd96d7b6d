"""Shares for people: per cent with at most two decimals, which are basis points (1/10,000)."""

from __future__ import annotations

import re
from typing import Final

from tripartite.domain.settlement import FeeRuleInvalid

# [0-9], not \d: the latter also accepts the digits of other scripts.
_PERCENT: Final = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?\s*%?")


def parse_percent(text: str) -> int:
    """Basis points from what a person wrote, such as ``1.5`` or ``1.5 %``; may exceed a whole.

    Raises ``FeeRuleInvalid``.
    """
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise FeeRuleInvalid("Give it in per cent, such as 1.5.")
    return int(match[1] + (match[2] or "").ljust(2, "0"))


def format_percent(bps: int) -> str:
    """Basis points for people, and for ``parse_percent``: ``1.50 %``, or ``2 %``."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02} %" if rest else f"{whole} %"
