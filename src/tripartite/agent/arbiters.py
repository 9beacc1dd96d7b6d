"""What a coordinator says of its arbiters."""

from __future__ import annotations

from collections.abc import Mapping

from tripartite.domain.rotation import ArbiterOffline
from tripartite.protocol.canonical import Json


def require_online(account: str, answer: Mapping[str, Json]) -> None:
    """Raise ``ArbiterOffline`` if the list of arbiters says that this one's agent is away.

    Whoever isn't in the list isn't judged here: the coordinator judges the proposal anyway.
    """
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
