"""``tripartite attach`` as a process: its parts, started and stopped in order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import structlog
from django.db import connections

from tripartite.agent.desk import Pace
from tripartite.agent.wallets.records import Node, NodeOfWrongNetwork
from tripartite.attach import news, presence
from tripartite.attach.directories import require_shared
from tripartite.attach.endpoints import Endpoints
from tripartite.attach.homes import Homes
from tripartite.attach.identities import make_identities
from tripartite.attach.leases import LEASE, Heartbeat
from tripartite.attach.registrar import register
from tripartite.attach.working import Workshop, work_on
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.events.tail import Tail
from tripartite.coordinator.ops.metrics.reporting import Reporter
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.watch.node import NodeMissing
from tripartite.coordinator.work.runner import Handler, Runner
from tripartite.monero.connection import Login
from tripartite.monero.monerod import Monerod
from tripartite.monero.versions import require_supported_node

# As in the coordinator: threads that wait for a wallet must not hold up those that don't.
_SWITCH_SECONDS = 0.001
_log = structlog.get_logger()


def run(
    configuration: Configuration,
    *,
    ready: Callable[[], None],
    workers: int,
    pace: Pace,
    lease: timedelta = LEASE,
    new_directory: bool = False,
) -> None:
    """Work for attached parties until SIGTERM or SIGINT; running looks are finished first.

    ``new_directory``: the one that was shared so far is lost, and this one takes its place. Raises
    ``AttachDirectoryForeign``, ``NodeMissing``, ``NodeOfWrongNetwork``, ``VersionTooOld``, and what the node answers.
    """
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    sys.setswitchinterval(_SWITCH_SECONDS)
    with ExitStack() as stack:
        reporter = Reporter(configuration)
        _thread(stack, "metrics", reporter.run)
        stack.callback(reporter.stop)
        homes = Homes(configuration.attach_dir, configuration.network)
        require_shared(homes, anew=new_directory)
        start(stack, configuration, homes, workers=workers, pace=pace, lease=lease)
        ready()
        _log.info("attach_started", workers=workers)
        over.wait()
        _log.info("attach_stopping")


def start(
    stack: ExitStack,
    configuration: Configuration,
    homes: Homes,
    *,
    workers: int,
    pace: Pace,
    lease: timedelta = LEASE,
) -> None:
    """Start everything; ``stack`` ends it. Raises as ``run`` does."""
    stack.callback(connections.close_all)
    node, client = _own_node(configuration)
    stack.callback(client.close)
    heartbeat = Heartbeat(lease)
    heartbeat.start()
    stack.callback(heartbeat.stop)
    endpoints = Endpoints(
        homes.endpoints,
        network=configuration.network,
        node=node,
        heartbeat=heartbeat,
        onion_proxy=configuration.onion_proxy,
    )
    stack.callback(endpoints.stop)
    shop = Workshop(
        homes,
        endpoints,
        heartbeat,
        client,
        configuration.network,
        configuration.limits,
        pace,
    )
    handlers: dict[str, Handler] = {
        keys.IDENTITY: make_identities(homes, origin=configuration.public_origin),
        keys.REGISTRATION: register(endpoints, heartbeat, client),
        keys.ATTACHED: work_on(shop),
        keys.PRESENCE: presence.speak_up(patience=configuration.agent_patience),
    }
    runners = [Runner(handlers, pool=keys.ATTACH, lease=lease) for _ in range(workers)]
    for number, runner in enumerate(runners):
        _thread(stack, f"looks-{number}", runner.run)
    # All are asked to stop before the first is waited for.
    for runner in runners:
        stack.callback(runner.stop)
    tail = Tail(news.hear)
    _thread(stack, "tail", tail.run)
    stack.callback(tail.stop)
    tail.ready.wait()
    news.catch_up()
    presence.begin()


def _own_node(configuration: Configuration) -> tuple[Node, Monerod]:
    if configuration.monerod_url is None:
        raise NodeMissing("Set TRIPARTITE_MONEROD_URL: attached wallets are checked against it.")
    login = None if configuration.monerod_login is None else Login(*configuration.monerod_login)
    proxy = configuration.monerod_proxy
    node = Node(
        configuration.monerod_url,
        login,
        None if proxy is None else proxy.removeprefix("socks5h://"),
    )
    client = Monerod(node.url, login, proxy=proxy)
    info = client.get_info()
    if info.network is not configuration.network:
        raise NodeOfWrongNetwork(
            f"The node is on {info.network.value}: name one on {configuration.network.value}.",
            network=info.network.value,
        )
    require_supported_node(configuration.network, client.get_version(), info)
    return node, client


def _thread(stack: ExitStack, name: str, target: Callable[[], None]) -> None:
    thread = threading.Thread(target=target, name=name)
    thread.start()
    stack.callback(thread.join)
