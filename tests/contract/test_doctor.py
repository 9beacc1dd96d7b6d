"""Stories about a doctor's visit to a coordinator with a real database."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from typer.testing import CliRunner

from tests.contract.engines import use_database
from tests.contract.kit import Market, open_account
from tripartite.cli.main import build
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.configuration import Configuration, read_configuration
from tripartite.coordinator.doctor.facts import Unknown
from tripartite.coordinator.doctor.judging import judge
from tripartite.coordinator.doctor.looking import Sources, look
from tripartite.coordinator.doctor.report import Check, Report, Verdict
from tripartite.coordinator.ops.health import PULSE_KEY
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.domain.parties import Network
from tripartite.monero.errors import RpcUnreachable, WrongCredentials
from tripartite.monero.monerod import BlockHeader, NodeInfo, NodeVersion


@dataclass
class PaperNode:
    """A regtest node that answers as it is told."""

    trouble: Exception | None = None

    def get_info(self) -> NodeInfo:
        if self.trouble is not None:
            raise self.trouble
        return NodeInfo(
            network=Network.REGTEST, height=210, target_height=0, top_block_hash="",
            synchronized=True, offline=False, untrusted=False, pool_size=0,
            version="0.18.5.1-release",
        )  # fmt: skip

    def get_version(self) -> NodeVersion:
        return NodeVersion(3, 16, release=True)

    def get_last_block_header(self) -> BlockHeader:
        return BlockHeader(209, "", "", int(now().timestamp()), orphan=False)

    def close(self) -> None:
        pass


class Neighbour(BaseHTTPRequestHandler):
    """Our own figures and a Prometheus, on one port."""

    def do_GET(self) -> None:
        content: object = "alive"
        if self.path.startswith("/api/v1/query"):
            sample = {"metric": {"instance": "127.0.0.1:8701"}, "value": [1.5, "1"]}
            content = {"status": "success", "data": {"result": [sample]}}
        elif self.path.startswith("/api/v1/alertmanagers"):
            content = {"status": "success", "data": {"activeAlertmanagers": [{"url": "x"}]}}
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def neighbour() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Neighbour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sources(port: int, node: PaperNode) -> Sources:
    return Sources(
        connect_node=lambda _: node,
        last_backup=lambda _: datetime.now(UTC) - timedelta(hours=1),
        prometheus=f"http://127.0.0.1:{port}",
    )


def configured(home: Path, database: str, port: int) -> Configuration:
    home.chmod(0o700)
    key = home / "secret_key"
    key.write_text("x" * 86)
    key.chmod(0o600)
    return replace(
        read_configuration(
            {
                "TRIPARTITE_DATA_DIR": str(home),
                "TRIPARTITE_DATABASE_URL": database,
                "TRIPARTITE_NETWORK": "regtest",
                "TRIPARTITE_MONEROD_URL": "http://127.0.0.1:1",
                "TRIPARTITE_PUBLIC_ORIGIN": f"http://{'a' * 56}.onion",
            }
        ),
        metrics_port=port,
    )


def said(report: Report) -> dict[Check, Verdict]:
    """The worst that is said of each check."""
    worst: dict[Check, Verdict] = {}
    for one in report.findings:
        worst.setdefault(one.check, one.verdict)
    return worst


def test_a_coordinator_is_looked_over_from_top_to_toe(
    market: Market, database: str, tmp_path: Path
) -> None:
    market.proposed_deal()
    open_account("root")
    Account.objects.filter(name="root").update(is_staff=True)
    with write_transaction():
        wake(PULSE_KEY, at=now())

    node = PaperNode()
    with neighbour() as port:
        configuration = configured(tmp_path, database, port)
        before = sorted(os.listdir(tmp_path))  # noqa: PTH208 — names are wanted
        first = judge(look(configuration, sources(port, node)))
        Authenticator.objects.create(
            user=Account.objects.get(name="root"), type=Authenticator.Type.TOTP, data={}
        )
        node.trouble = RpcUnreachable("Start it.")
        second = judge(look(configuration, sources(port, node), quick=True))
        node.trouble = WrongCredentials("Check the login.")
        third = judge(look(configuration, sources(port, node), expect="ab" * 32))

    assert sorted(os.listdir(tmp_path)) == before, "a doctor changes nothing"  # noqa: PTH208 — as above
    seen = said(first)
    sqlite = connection.vendor == "sqlite"
    for check in (Check.WORK, Check.NODE, Check.NODE_SYNC, Check.EVENT_LOG, Check.LIMITS):
        assert seen[check] is Verdict.GOOD, first
    for check in (Check.MONITORING, Check.BACKUP, Check.ENTRANCE):
        assert seen[check] is Verdict.GOOD, first
    # Who runs the tests as root has a data directory of root's.
    assert seen[Check.SECRETS] is (Verdict.GOOD if os.getuid() else Verdict.WEAK)
    assert seen[Check.CLOCK] is (Verdict.UNKNOWN if sqlite else Verdict.GOOD)
    assert seen[Check.SECOND_FACTORS] is Verdict.BAD
    assert said(second)[Check.SECOND_FACTORS] is Verdict.GOOD
    assert said(second)[Check.NODE] is Verdict.UNKNOWN
    assert said(second)[Check.EVENT_LOG] is Verdict.UNKNOWN, "nobody has read the whole log"
    assert said(third)[Check.NODE] is Verdict.BAD
    assert said(third)[Check.EVENT_LOG] is Verdict.TAMPERED


def test_a_database_that_is_away_is_not_called_bad(
    market: Market, database: str, tmp_path: Path
) -> None:
    with neighbour() as port:
        configuration = configured(tmp_path, database, port)
        use_database(database + "-that/is-nowhere")
        facts = look(configuration, sources(port, PaperNode()))

    assert isinstance(facts.officers, Unknown)
    seen = said(judge(facts))
    assert seen[Check.NODE] is Verdict.GOOD
    for check in (Check.WORK, Check.SECOND_FACTORS, Check.EVENT_LOG):
        assert seen[check] is Verdict.UNKNOWN


def test_a_log_that_was_altered_is_told_as_such(
    market: Market, database: str, tmp_path: Path
) -> None:
    market.proposed_deal()
    with connection.cursor() as sql:
        sql.execute("UPDATE events_eventhead SET cursor = cursor - 1")

    with neighbour() as port:
        facts = look(configured(tmp_path, database, port), sources(port, PaperNode()))

    assert judge(facts).verdict is Verdict.TAMPERED


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_says_it_all_and_ends_accordingly(market: Market, *, as_json: bool) -> None:
    words = ["doctor", "--prometheus", "http://127.0.0.1:1", *["--json"] * as_json]

    ended = CliRunner().invoke(build(words), words)

    assert ended.exit_code == 1, ended.output
    if as_json:
        content = json.loads(ended.stdout)
        assert content["verdict"] == "bad"
        assert {one["check"] for one in content["findings"]} >= {"backup", "node", "event_log"}
        assert 0 < content["score"] < 100
    else:
        assert "BAD      node" in ended.stdout
        assert "→ Set TRIPARTITE_MONEROD_URL" in ended.stdout
