"""Does the harness notice? ``make faults FAULTS=--prove``: broken agents, and what must be seen.

The agents of ``forgetful_agent`` speak before they write. Undisturbed, an escrow between them ends as
it has to, so only kills can show what is wrong. Two are made where it hurts: a harness that calls
either escrow survived proves nothing by all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.faults.campaign import Say, arena, describe
from tests.faults.running import run
from tests.faults.striking import COORDINATOR, agent
from tests.faults.switchboard import Kill, Point
from tripartite.domain.parties import Role

_PATIENCE: Final = 90.0
"""Seconds for one fact: who is stuck here is stuck for ever."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Some kills, and words of a fault that must be found; none if nobody may complain."""

    name: str
    kills: tuple[Kill, ...]
    fault: str | None


def _said(what: str, role: Role) -> Kill:
    """The speaker dies when its word is as good as on record, and nobody can have told it so."""
    point = Point(COORDINATOR, f"relaying {what} of {role.value}: before the commit")
    return Kill(point, agent(role))


TRIALS: Final = (
    Trial("nobody is killed", (), None),
    # The other two need no arbiter: the money arrives, and only the alarm is left.
    Trial(
        "an agent is left stopped in an escrow that ends well",
        (_said("attest 4", Role.ARBITER),),
        "the arbiter's agent has stopped: own_words_forged",
    ),
    Trial("an escrow is stuck", (_said("key_exchange 2", Role.BUYER),), "Stuck: never is keyed"),
)


def prove(say: Say) -> list[str]:
    """What the harness didn't notice, or noticed where nothing was; empty if it can be trusted."""
    missed: list[str] = []
    with arena(say, agent_program="tests.faults.forgetful_agent") as field:
        for trial in TRIALS:
            ending = run(field, trial.kills, patience=_PATIENCE)
            say(f"{trial.name}: {describe(ending)}")
            if set(ending.struck) != set(trial.kills):
                missed.append(f"{trial.name}: not all kills were made")
            elif trial.fault is None:
                missed += [f"{trial.name}: {fault}" for fault in ending.faults]
            elif not any(trial.fault in fault for fault in ending.faults):
                missed.append(f"{trial.name}: {trial.fault!r} wasn't found")
    return missed
