"""``tripartite serve`` with points to be killed at: ``python -m tests.faults.coordinator SOCKET …``.

They are where a request has been judged and its transaction isn't committed, where it is committed
and not answered, and where the chain was looked at and what was seen isn't stored.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.stopping import Stops
from tripartite.cli import serve
from tripartite.cli.main import main as command_line
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.start import start_django
from tripartite.protocol.envelope import Message
from tripartite.protocol.record import Record

if TYPE_CHECKING:  # models can't be imported yet
    from tripartite.coordinator.events.log import StoredEvent


def main() -> None:
    """Take our own word off the command line, and let the coordinator read the rest."""
    harness, *sys.argv[1:] = sys.argv[1:]
    stops = Stops("coordinator", Path(harness))

    def start() -> Configuration:
        configuration = start_django()
        install(stops)
        return configuration

    setattr(serve, "start_django", start)  # noqa: B010 — mypy forbids it written plainly
    command_line()


def install(stops: Stops) -> None:
    """Put the points in; Django is set up by now, so its models can be imported."""
    from tripartite.coordinator.events.log import appended  # noqa: PLC0415 — see above
    from tripartite.coordinator.relay import posting  # noqa: PLC0415 — see above
    from tripartite.coordinator.watch import payouts  # noqa: PLC0415 — see above

    insert, judge = posting._insert, payouts.judge
    said = threading.local()

    def inserting(message: Message, *, position: int, at: datetime) -> None:
        name = f"{message.kind.value} {message.round or ''}".strip()
        label = f"relaying {name} of {message.role.value}"
        stops.begin(label, message.escrow_id)
        said.open = {**getattr(said, "open", {}), message.digest: (label, message.escrow_id)}
        stops.stop_at("before it is written")
        insert(message, position=position, at=at)
        stops.stop_at("before the commit")

    def committed(events: Sequence[StoredEvent], **_: object) -> None:
        """Messages stored together are answered together, after this was called for each."""
        for event in events:
            one = getattr(said, "open", {}).pop(json.loads(event.data).get("digest"), None)
            if one is not None:
                stops.begin(*one)
                stops.stop_at("before the answer")

    def judging(record: Record, *args: Any, **kwargs: Any) -> payouts.Finding:  # noqa: ANN401 — passed on
        finding = judge(record, *args, **kwargs)
        stops.begin("watching the payout", record.escrow_id)
        stops.stop_at("final, not stored" if finding.final else "looked, not stored")
        return finding

    posting._insert = inserting
    appended.connect(committed, weak=False)
    payouts.judge = judging


if __name__ == "__main__":
    main()
