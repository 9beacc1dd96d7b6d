"""What people call states and decisions, in English: one home for both kinds of pages.

What a state means is told by ``State.meaning``. Each kind of page translates both with its own
catalogue (``scripts/translations.py`` collects them for both).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tripartite.domain.lifecycle import State

STATES: Final[Mapping[State, str]] = {
    State.CREATED: "proposed",
    State.ACCEPTED: "accepted",
    State.KEYING: "making the wallet",
    State.AWAITING_DEPOSIT: "waiting for the deposit",
    State.FUNDED: "funded",
    State.RELEASING: "being released",
    State.REFUNDING: "being refunded",
    State.SETTLING: "being settled",
    State.DISPUTED: "in dispute",
    State.COMPLETED: "completed",
    State.REFUNDED: "refunded",
    State.SETTLED: "settled",
    State.CANCELLED: "called off",
}

DECISIONS: Final[Mapping[str, str]] = {
    "release": "Release to the vendor",
    "refund": "Give the money back",
    "settle": "Offer a split",
    "agree": "Agree to the split on offer",
    "dispute": "Open a dispute",
    "rule": "Rule",
    "cancel": "Call it off",
    "move": "Move the money to the new arbiter's escrow",
}
"""By the verb of ``lifecycle.Event``, and ``next_step.MOVE``."""
