"""``tripartite agent`` with points to be killed at: ``python -m tests.faults.agent WHO SOCKET …``.

The agent is the real one. Its calls to wallets, node and coordinator, and what it hears, stop at
the harness before and after; so do its own boundaries.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.faults.stopping import Stops
from tripartite.agent import event_stream, reconciling, running, stalling
from tripartite.agent.coordinator_client import CoordinatorClient, CoordinatorUnreachable
from tripartite.agent.intake import Cases
from tripartite.agent.journal import StoredCase
from tripartite.agent.party import RunOptions
from tripartite.agent.ports import Boundary, Forwarded
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.wallets import pool
from tripartite.cli.main import main as command_line
from tripartite.domain.errors import TripartiteError
from tripartite.monero.errors import RpcConnectionLost
from tripartite.monero.transport import Channel
from tripartite.protocol.envelope import read_envelope
from tripartite.protocol.next_step import Doing, KeyExchange, step_name

_LONGEST_WAIT: Final = 2.0
"""Seconds."""


def main() -> None:
    """Take our own two words off the command line, and let the agent read the rest."""
    who, harness, *sys.argv[1:] = sys.argv[1:]
    if sys.argv[1:3] == ["agent", "run"]:
        install(Stops(who, Path(harness)), node=sys.argv[sys.argv.index("--node") + 1])
    command_line()


def install(stops: Stops, *, node: str) -> None:
    """Put the points in."""
    _name_the_steps(stops)

    def call(channel: Channel, path: str, *_: object, method: str = "", **__: object) -> str | None:
        if threading.current_thread().name == "pulse":
            # It asks by the clock and stores nothing: its points are no step of the protocol, and
            # no two runs have them in the same places.
            return None
        whom = "node" if channel._url == node else "wallet"
        return f"{whom} {method or path.strip('/')}"

    stops.around(
        Channel, "post", call, lambda what: RpcConnectionLost("Lost by the test.", method=what)
    )
    stops.around(pool, "create_wallet_with_cli", lambda *_, **__: "wallet-cli")
    stops.around(
        CoordinatorClient,
        "_send",
        lambda _self, _path, text: f"sending {title(text)}",
        lambda _: CoordinatorUnreachable("Lost by the test."),
    )
    _stop_when_hearing(stops)
    _stop_at_boundaries(stops)
    _wait_less()


def title(text: str) -> str:
    """A message's name: ``key_exchange 2``."""
    message = read_envelope(text)
    return f"{message.kind.value} {message.round or ''}".strip()


def _name_the_steps(stops: Stops) -> None:
    act, reconcile, decided = Reconciler._act, Reconciler.reconcile, Reconciler._decided

    def acting(reconciler: Reconciler, case: StoredCase, step: Doing) -> Any:  # noqa: ANN401 — passed on
        round_ = f" {int(step.round)}" if isinstance(step, KeyExchange) else ""
        stops.begin(f"{case.record.state.value} {step_name(step)}{round_}", case.escrow_id)
        return act(reconciler, case, step)

    def deciding(reconciler: Reconciler, escrow_id: str, case: Any, intent: Any) -> Any:  # noqa: ANN401 — as above
        state = "new" if case is None else case.record.state.value
        stops.begin(f"{state} decided {intent.decision.value}", escrow_id)
        return decided(reconciler, escrow_id, case, intent)

    def reconciling(reconciler: Reconciler, escrow_id: str) -> float | None:
        with stops.doing("looking", escrow_id):
            return reconcile(reconciler, escrow_id)

    for name, wrapped in (("_act", acting), ("_decided", deciding), ("reconcile", reconciling)):
        setattr(Reconciler, name, wrapped)


def _stop_when_hearing(stops: Stops) -> None:
    receive = Cases.receive

    def hearing(cases: Cases, batch: Iterable[Forwarded], *, cursor: int | None = None) -> set[str]:
        heard = list(batch)
        names: dict[tuple[str, str], None] = {}
        for one in heard:
            try:
                role = read_envelope(one.text).role.value
                names[one.escrow_id, f"{title(one.text)} of {role}"] = None
            except TripartiteError:
                continue
        for escrow_id, name in names:
            with stops.doing("hearing", escrow_id):
                stops.stop_at(f"before {name}")
        moved = receive(cases, heard, cursor=cursor)
        for escrow_id, name in names:
            with stops.doing("hearing", escrow_id):
                stops.stop_at(f"after {name}")
        return moved

    setattr(Cases, "receive", hearing)  # noqa: B010 — mypy forbids it written plainly


def _stop_at_boundaries(stops: Stops) -> None:
    options = running.options

    def at(boundary: Boundary) -> None:
        stops.stop_at(f"at {boundary.value}")

    def with_boundaries(**told: Any) -> RunOptions:  # noqa: ANN401 — passed on as they are
        made = options(**told)
        return replace(made, at=at, pace=replace(made.pace, longest_retry=_LONGEST_WAIT))

    running.options = with_boundaries


def _wait_less() -> None:
    """The pauses after what failed, which grow up to a minute: here something always fails."""
    for owner, name in (
        (event_stream, "_LONGEST_PAUSE"),
        (stalling, "STALLED_SECONDS"),
        (reconciling, "STALLED_SECONDS"),
    ):
        assert hasattr(owner, name)
        setattr(owner, name, _LONGEST_WAIT)


if __name__ == "__main__":
    main()
