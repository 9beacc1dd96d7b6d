"""The coordinator's process: builds its parts, runs them, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import ClassVar, Final

import structlog
from django.core.wsgi import get_wsgi_application
from django.db import connection
from granian import Granian
from granian.constants import Interfaces
from granian.server.embed import Server

from tripartite.coordinator.accounts.sessions import SESSIONS_KEY, forget_ended
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.events.following import Nudge
from tripartite.coordinator.events.gateway import Gateway
from tripartite.coordinator.events.tail import Tail
from tripartite.coordinator.grouping import Clerk
from tripartite.coordinator.notify.channels import APPRISE, WEBHOOK
from tripartite.coordinator.notify.delivering import deliver
from tripartite.coordinator.notify.delivering import follow_log as follow_for_notices
from tripartite.coordinator.notify.keys import DELIVER, NOTIFY
from tripartite.coordinator.notify.sending import send_messenger, send_webhook
from tripartite.coordinator.ops.auditing import AUDIT_KEY, audit_on
from tripartite.coordinator.ops.health import PULSE_KEY, pulse
from tripartite.coordinator.ops.metrics.reporting import Reporter
from tripartite.coordinator.presence.watching import PRESENCE, watch_presence
from tripartite.coordinator.recovery.incidents import follow_log, watch_deadlines
from tripartite.coordinator.recovery.keys import DEADLINE, FOLLOW
from tripartite.coordinator.server import Application, request_threads
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.watch.keys import PAYOUT
from tripartite.coordinator.watch.node import NODE_KEY, OwnNode, watch_node
from tripartite.coordinator.watch.payouts import watch_payouts
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Handler, Runner
from tripartite.domain.errors import Unavailable

# Python lets a busy thread keep the interpreter for 5 ms by default. The event loop that pushes
# messages out waits behind request threads; 1 ms keeps a push within a few milliseconds.
_SWITCH_SECONDS: Final = 0.001

# A request makes some thousands of short-lived objects and hardly ever a cycle: looking for cycles
# after every 700 of them, as by default, costs a few percent of the time.
_GC_AFTER: Final = 20_000

_STARTING_SECONDS: Final = 15.0

FOLLOWERS: Final = (FOLLOW, NOTIFY)
"""The work that reads the event log on whenever it grows."""

_log = structlog.get_logger()


class Part(StrEnum):
    """What one process may do."""

    HTTP = "http"
    EVENTS = "events"
    WORK = "work"


class CannotListen(Unavailable):
    """The address to listen on can't be used."""

    code: ClassVar[str] = "cannot_listen"


def run(
    configuration: Configuration, parts: frozenset[Part], *, ready: Callable[[str], None]
) -> None:
    """Serve ``parts`` until SIGTERM or SIGINT. ``ready`` is told the address once it answers.

    Raises ``CannotListen``.
    """
    if parts == {Part.HTTP}:
        run_wsgi(configuration, ready=ready)
        return
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(_GC_AFTER)
    asyncio.run(_run(configuration, parts, ready))


def run_wsgi(configuration: Configuration, *, ready: Callable[[str], None]) -> None:
    """The API alone, in granian's own WSGI server: a third more requests per CPU-second.

    granian watches one worker process and stops it when it is told to stop itself.
    """
    url = f"http://{configuration.host}:{configuration.port}"
    server = Granian(
        "tripartite.coordinator.wsgi:make_application",
        factory=True,
        address=configuration.host,
        port=configuration.port,
        interface=Interfaces.WSGI,
        blocking_threads=configuration.threads,
        websockets=False,
        log_enabled=False,
    )

    def announce() -> None:
        deadline = time.monotonic() + _STARTING_SECONDS
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((configuration.host, configuration.port), timeout=1),
            ):
                ready(url)
                return
            time.sleep(0.01)

    threading.Thread(target=announce, name="announce", daemon=True).start()
    try:
        server.serve()
    except (OSError, RuntimeError) as error:
        raise CannotListen(f"{url} is in use or not ours: choose another.") from error


async def _run(
    configuration: Configuration, parts: frozenset[Part], ready: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        reporter = Reporter(configuration)
        _run_thread(stack, "metrics", reporter.run, reporter.stop)
        if Part.WORK in parts:
            await loop.run_in_executor(None, _wake_at_start)
            # Two, so that a notification server that is slow to answer holds up no payout.
            for place in range(2):
                own = OwnNode.of(configuration)
                stack.callback(own.close)
                runner = Runner(handlers(configuration, own))
                _run_thread(stack, f"work-{place}", runner.run, runner.stop)
            following = Tail(Nudge(FOLLOWERS))
            _run_thread(stack, "following", following.run, following.stop)
        url = "work"
        if parts & {Part.HTTP, Part.EVENTS}:
            url = await _listen(configuration, parts, stack)
        ready(url)
        _log.info("started", parts=sorted(parts), network=configuration.network.value)
        await stopping.wait()
        _log.info("stopping")


async def _listen(
    configuration: Configuration, parts: frozenset[Part], stack: AsyncExitStack
) -> str:
    """Start granian with what ``parts`` ask for; returns once it answers."""
    threads = request_threads(configuration.threads)
    stack.callback(threads.shutdown)
    gateway = await _gateway(threads, stack) if Part.EVENTS in parts else None
    http = get_wsgi_application() if Part.HTTP in parts else None
    clerk = None
    if http is not None and connection.vendor == "sqlite":
        clerk = Clerk(asyncio.get_running_loop(), http)
        _run_thread(stack, "clerk", clerk.run, clerk.stop)
    server = Server(
        Application(http, gateway, threads, clerk=clerk),  # type: ignore[arg-type]  # WSGIHandler's own narrower types
        address=configuration.host,
        port=configuration.port,
        interface=Interfaces.RSGI,
        log_enabled=False,
        backlog=1024,
    )
    task = asyncio.create_task(server.serve())

    async def stop() -> None:
        if gateway is not None:
            gateway.close()
        server.stop()  # type: ignore[no-untyped-call]  # granian's own method has no types
        await task

    url = f"http://{configuration.host}:{configuration.port}"
    await _answers(configuration, task, url)
    stack.push_async_callback(stop)
    return url


async def _gateway(threads: ThreadPoolExecutor, stack: AsyncExitStack) -> Gateway:
    loop = asyncio.get_running_loop()
    gateway = Gateway(loop, threads)
    tail = Tail(gateway.publish)
    _run_thread(stack, "tail", tail.run, tail.stop)
    await loop.run_in_executor(None, tail.ready.wait)
    gateway.start_at(tail.start_cursor)
    return gateway


async def _answers(configuration: Configuration, task: asyncio.Task[None], url: str) -> None:
    """Wait until the port takes connections."""
    async with asyncio.timeout(_STARTING_SECONDS):
        while True:
            if task.done():
                error = task.exception()
                raise CannotListen(f"{url} is in use or not ours: choose another.") from error
            try:
                _, writer = await asyncio.open_connection(configuration.host, configuration.port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.close()
            return


def handlers(configuration: Configuration, own: OwnNode) -> Mapping[str, Handler]:
    """Who does which work, by the beginning of its key."""
    return {
        NODE_KEY: watch_node(own),
        PULSE_KEY: pulse,
        AUDIT_KEY: audit_on,
        SESSIONS_KEY: forget_ended,
        PAYOUT: watch_payouts(
            own,
            required=configuration.confirmations,
            pause=timedelta(seconds=configuration.watch_seconds),
        ),
        FOLLOW: follow_log(configuration.durations),
        DEADLINE: watch_deadlines(configuration.durations),
        PRESENCE: watch_presence(patience=configuration.agent_patience),
        NOTIFY: follow_for_notices(),
        DELIVER: deliver(
            {
                WEBHOOK: partial(send_webhook, allowed=configuration.notify_private),
                APPRISE: partial(send_messenger, allowed=configuration.notify_private),
            },
        ),
    }


def _wake_at_start() -> None:
    """What is always to be done, by whichever node comes to it."""
    with write_transaction():
        for key in (NODE_KEY, PULSE_KEY, AUDIT_KEY, SESSIONS_KEY, *FOLLOWERS):
            wake(key, at=now())


def _run_thread(
    stack: AsyncExitStack, name: str, run_it: Callable[[], None], stop: Callable[[], None]
) -> None:
    thread = threading.Thread(target=run_it, name=name)
    thread.start()

    async def end() -> None:
        stop()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    stack.push_async_callback(end)
