"""Whether a proposal would be taken, by what a coordinator says of its room and its arbiters.

What can't be read isn't judged here: the coordinator judges the proposal anyway.
"""

from __future__ import annotations

from collections.abc import Mapping

from tripartite.domain.errors import Refused
from tripartite.domain.limits import Limits, Used, require_open, require_room
from tripartite.domain.money import Piconero, parse_piconero
from tripartite.domain.rotation import ArbiterOffline
from tripartite.protocol.canonical import Json


def judge_room(amount: Piconero, answer: Mapping[str, Json]) -> None:
    """Raise an error of ``domain.limits`` if an escrow of this amount would not be taken now."""
    read = _limits(answer)
    if read is not None:
        limits, used, maintenance = read
        require_open(maintenance)
        require_room(limits, used, amount)


def judge_arbiter(account: str, answer: Mapping[str, Json]) -> None:
    """Raise ``ArbiterOffline`` if the list of arbiters says that this one's agent is away."""
    match answer.get("arbiters"):
        case [*listed]:
            pass
        case _:
            return
    for one in listed:
        match one:
            case {"name": str(name), "away_since": str(since)} if name == account:
                raise ArbiterOffline(
                    "Name another arbiter, or propose it again when the agent is back.",
                    since=since,
                )


def _limits(answer: Mapping[str, Json]) -> tuple[Limits, Used, str] | None:
    """Limits, what is in use of them, and the reason of a maintenance."""
    names = (
        "max_escrow_amount_atomic",
        "max_total_volume_atomic",
        "total_volume_left_atomic",
        "max_concurrent_escrows",
        "concurrent_escrows_left",
        "reason",
    )
    most, total, left, number, places, reason = (answer.get(name) for name in names)
    match most, total, left, number, places, reason:
        case (str() | None, str() | None, str() | None, int() | None, int() | None, str()):
            pass
        case _:
            return None
    try:
        volume = _piconero(total)
        return (
            Limits(_piconero(most), volume, number),
            Used((volume or 0) - (_piconero(left) or 0), (number or 0) - (places or 0)),
            reason,
        )
    except Refused:
        return None


def _piconero(text: str | None) -> Piconero | None:
    return None if text is None else parse_piconero(text, zero_allowed=True)
