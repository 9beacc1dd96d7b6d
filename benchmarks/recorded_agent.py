"""A party's agent in a process of its own, as ``tripartite agent run`` puts it together.

Two things are added: it notes when it calls whom (``recorder``), and what its human decides comes
as lines of JSON on its standard input, because starting a command for each decision would take
longer than what is measured. Each line is answered by one; when the input ends, it stops.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import structlog

from benchmarks.recorder import Recorder
from tripartite.agent.coordinator_client import CoordinatorClient, Origin
from tripartite.agent.decisions import Decision
from tripartite.agent.desk import Pace
from tripartite.agent.home import OpenHome, create_home
from tripartite.agent.party import Party, RunOptions
from tripartite.agent.running import spare_collections
from tripartite.agent.wallets.records import Node
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json
from tripartite.protocol.pairing import write_card

_READY_SECONDS: Final = 120.0
_SETUP_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.05
_NEVER: Final = 86_400.0
_LOG_LEVEL: Final = 30  # logging.WARNING


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first line: who this is, and where everything is."""

    home: str
    node_url: str
    coordinator: str
    account: str
    token: str
    prepared_wallets: int


def main() -> None:
    """Run the agent until the input ends."""
    # Standard output carries the answers.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(_LOG_LEVEL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    beginning = Beginning(**json.loads(sys.stdin.readline()))
    recorder = Recorder()
    recorder.install(node_url=beginning.node_url)
    opened = _join(beginning)
    options = RunOptions(
        node=Node(beginning.node_url),
        # Former set-ups wait for deposits that never come: looking for those, which takes opening
        # their wallets, would disturb the next one.
        pace=Pace(prepared_wallets=beginning.prepared_wallets, watching=_NEVER),
    )
    with Party(opened, options) as party:
        spare_collections()
        _answer({"identity": opened.identity.public.to_json()})
        for line in sys.stdin:
            _answer(_obey(json.loads(line), opened, party, recorder))


def _join(beginning: Beginning) -> OpenHome:
    """A new home, paired with its account."""
    directory = Path(beginning.home)
    opened = create_home(
        directory / "home", network=Network.REGTEST, key_file=directory / "home.key"
    )
    origin, token = Origin(beginning.coordinator), Secret(beginning.token)
    card = write_card(
        opened.identity,
        account=beginning.account,
        coordinator=origin.url,
        issued_at=datetime.now(UTC),
    )
    client = CoordinatorClient(origin, token)
    client.pair(card)
    client.close()
    with opened.journal.commit():
        opened.journal.set_setting("coordinator", origin.url)
        opened.journal.set_setting("account", beginning.account)
        opened.journal.set_secret("token", token)
    return opened


def _obey(
    order: Mapping[str, Json], opened: OpenHome, party: Party, recorder: Recorder
) -> Mapping[str, object]:
    match order:
        case {"do": "prepare"}:
            return {"ready": party.engine.preparing.wait_until_ready(seconds=_READY_SECONDS)}
        case {"do": "propose", "escrow_id": str(escrow_id), "terms": terms, "address": address}:
            content = {"terms": terms, **_own_part(address, "a bicycle")}
            _decide(opened, party, escrow_id, Decision.PROPOSE, content)
            return {}
        case {"do": "accept", "escrow_id": str(escrow_id), "address": address}:
            case = party.engine.desk.cases.get(escrow_id)
            if case is None:
                return {"known": False}
            content = {"proposal": case.record.proposal, **_own_part(address, None)}
            _decide(opened, party, escrow_id, Decision.ACCEPT, content)
            return {"known": True}
        case {"do": "wait", "escrow_id": str(escrow_id)}:
            return {"attested": _wait(party, escrow_id)}
        case {"do": "tell"}:
            return {"notes": [asdict(note) for note in recorder.take()]}
        case _:
            raise ValueError(f"no such order: {order.get('do')}")


def _wait(party: Party, escrow_id: str) -> bool:
    """Until this agent has an address on record.

    It looks into its own memory: asking the coordinator would take its time from what is measured.
    """
    deadline = time.monotonic() + _SETUP_SECONDS
    while time.monotonic() < deadline:
        case = party.engine.desk.cases.get(escrow_id)
        if case is not None and case.record.address is not None:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _own_part(address: Json, subject: str | None) -> dict[str, Json]:
    return {"address": address, "subject": subject, "salt": secrets.token_hex(16)}


def _decide(
    opened: OpenHome, party: Party, escrow_id: str, decision: Decision, content: dict[str, Json]
) -> None:
    party.engine.desk.decisions.decide(escrow_id, decision, content)
    assert opened.home.is_running()
    party.poke()


def _answer(content: Mapping[str, object]) -> None:
    print(json.dumps(cast("dict[str, object]", content)), flush=True)


if __name__ == "__main__":
    main()
