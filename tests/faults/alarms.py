"""What mustn't be left of an escrow under fault once it has come to its end. Pure.

A kill may leave notes of what couldn't be done just then: a node that was away, a wallet in another
round, a payout that was overtaken. An agent that has stopped believing what it hears is another
matter, and so is an alarm of tampering, where nobody tampered: a person has to look, and would find
that nothing was wrong but our own bookkeeping. The same holds for a recovery case that nobody closes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from tripartite.agent.doctor import Ailment
from tripartite.domain.errors import Refused, Unavailable, leaves
from tripartite.domain.parties import Role


def harmless_codes() -> frozenset[str]:
    """Alarms that say what went wrong, and not that somebody lies. What isn't known isn't harmless."""
    # Only errors of modules that were imported can be found: the agent's take all of theirs along.
    importlib.import_module("tripartite.agent.party")
    told = {one.code for branch in (Refused, Unavailable) for one in leaves(branch)}
    return frozenset(told | {ailment.value for ailment in Ailment})


def lasting(
    frozen: Mapping[Role, str], alarms: Mapping[Role, Sequence[str]], open_cases: int
) -> list[str]:
    """What is wrong, in words; nothing if the escrow survived.

    ``frozen`` has the code for each agent that goes on with nothing, ``alarms`` all codes that each
    agent ever noted for this escrow; ``open_cases`` are recovery cases that weren't closed.
    """
    harmless = harmless_codes()
    wrongs = [f"the {role.value}'s agent has stopped: {code}" for role, code in frozen.items()]
    wrongs += [
        f"the {role.value}'s agent has an alarm: {code}"
        for role, codes in alarms.items()
        for code in dict.fromkeys(codes)
        if code not in harmless and frozen.get(role) != code
    ]
    if open_cases:
        wrongs.append("a recovery case is still open")
    return wrongs
