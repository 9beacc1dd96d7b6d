"""A person asks for a look at an escrow's money now, rather than when the agent thinks it worth one."""

from __future__ import annotations

from typing import Final

from tripartite.agent.journal import Journal

_ASKED: Final = "look_asked/"


def ask(journal: Journal, escrow_id: str) -> None:
    """From any process; the agent hears of it when it is poked, or begins."""
    journal.set_setting(_ASKED + escrow_id, journal.stamp())


def asked(journal: Journal) -> set[str]:
    """The escrows that somebody wants looked at."""
    rows = journal.rows("SELECT name FROM settings WHERE name GLOB ?", (f"{_ASKED}*",))
    return {str(name).removeprefix(_ASKED) for (name,) in rows}


def is_asked(journal: Journal, escrow_id: str) -> bool:
    """Whether somebody wants this one looked at."""
    return journal.setting(_ASKED + escrow_id) is not None


def looked(journal: Journal, escrow_id: str) -> None:
    """That was done."""
    if is_asked(journal, escrow_id):
        journal.write("DELETE FROM settings WHERE name = ?", (_ASKED + escrow_id,))
