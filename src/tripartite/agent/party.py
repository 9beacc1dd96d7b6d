"""One agent, put together: the only place where its parts are made."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import ClassVar

import structlog

from tripartite.agent.coordinator_client import CoordinatorClient, Origin
from tripartite.agent.decisions import Decisions
from tripartite.agent.desk import Desk, Pace
from tripartite.agent.doctor import Finding, diagnose
from tripartite.agent.engine import Engine, Preparing
from tripartite.agent.event_stream import EventStream
from tripartite.agent.examining import gather
from tripartite.agent.heartbeat import Heartbeat
from tripartite.agent.home import OpenHome
from tripartite.agent.intake import CURSOR, Cases
from tripartite.agent.journal import StoredCase
from tripartite.agent.ports import AtBoundary, pass_through
from tripartite.agent.pulse import Pulse
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.retrying import Retries
from tripartite.agent.scheduling import Scheduler
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.pool import DEFAULT_SLOTS, WalletPool
from tripartite.agent.wallets.records import Endpoint, Node
from tripartite.domain.errors import Refused
from tripartite.domain.secrets import Secret
from tripartite.monero.monerod import Monerod


class NotPaired(Refused):
    """This agent belongs to no account yet."""

    code: ClassVar[str] = "not_paired"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What one run is told.

    Without ``endpoints`` the agent runs ``slots`` wallet-rpc processes of its own. ``proxy`` is
    ``socks5h://host:port`` and carries what goes to the coordinator; ``node.proxy`` is the node's.
    ``heavy`` is shared by several agents in one process.
    """

    node: Node
    slots: int = DEFAULT_SLOTS
    endpoints: Sequence[Endpoint] = ()
    proxy: str | None = None
    pace: Pace = field(default_factory=Pace)
    at: AtBoundary = pass_through
    heavy: AbstractContextManager[object] | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Where this agent belongs."""

    origin: Origin
    account: str
    token: Secret


def pairing_of(opened: OpenHome) -> Pairing:
    """The account that the agent is paired with. Raises ``NotPaired``."""
    url, account = opened.journal.setting("coordinator"), opened.journal.setting("account")
    token = opened.journal.secret("token")
    if url is None or account is None or token is None:
        raise NotPaired("Pair it first: `tripartite agent pair --coordinator URL --token-file F`.")
    return Pairing(Origin(url), account, token)


class Party:
    """A running agent. ``with Party(opened, options): …`` or ``start`` and ``stop``."""

    def __init__(self, opened: OpenHome, options: RunOptions) -> None:
        """Nothing is started. Raises ``NotPaired``."""
        self._opened = opened
        self._options = options
        self._pairing = pairing_of(opened)
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._stack = ExitStack()
        self._engine: Engine | None = None

    def start(self) -> None:
        """Start wallets, threads and the event stream; returns when all run.

        Raises ``AgentRunning``, and what the wallets' daemons answer.
        """
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        structlog.get_logger().info("agent_started", slots=self._options.slots)

    def stop(self) -> None:
        """Finish running calls, close the wallets, end own processes."""
        self._over.set()
        self._stack.close()

    def __enter__(self) -> Party:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def end(self) -> None:
        """Ask ``wait`` to return; safe in a signal handler."""
        self._over.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Block until ``end`` or a bug; False if the time ran out."""
        return self._over.wait(seconds)

    @property
    def failure(self) -> BaseException | None:
        """The bug that ended it, already logged; None if there was none."""
        return self._failure

    def poke(self) -> None:
        """A decision was stored: look."""
        self.engine.poke()

    @property
    def engine(self) -> Engine:
        """The running engine."""
        assert self._engine is not None
        return self._engine

    def _start(self, stack: ExitStack) -> None:
        options, opened = self._options, self._opened
        stack.enter_context(opened.home.running())
        pool = WalletPool(
            opened.home.wallets,
            network=opened.network,
            node=options.node,
            slots=options.slots,
            endpoints=options.endpoints,
            heavy=options.heavy,
        )
        stack.callback(pool.stop)
        pool.start()
        node_proxy = options.node.proxy and f"socks5h://{options.node.proxy}"
        node = Monerod(options.node.url, options.node.login, proxy=node_proxy)
        stack.callback(node.close)
        client = CoordinatorClient(self._pairing.origin, self._pairing.token, proxy=options.proxy)
        stack.callback(client.close)
        engine = self._make_engine(pool, node, client)
        self._engine = engine
        stack.callback(engine.stop)
        engine.start()
        pulse = Pulse(node, engine.stirred, seconds=options.pace.pulse, failed=self._fail)
        stack.callback(pulse.stop)
        pulse.start()
        stream = EventStream(
            client,
            self._pairing.token,
            engine.receive,
            cursor=int(opened.journal.setting(CURSOR) or 0),
            failed=self._fail,
            proxy=options.proxy,
        )
        stack.callback(stream.stop)
        stream.start()
        heartbeat = Heartbeat(client.heartbeat, failed=self._fail)
        stack.callback(heartbeat.stop)
        heartbeat.start()
        self._listen_for_pokes(stack)

    def _make_engine(self, pool: WalletPool, node: Monerod, client: CoordinatorClient) -> Engine:
        options, opened = self._options, self._opened
        book = WalletBook(opened.journal, run_id=secrets.token_hex(8))
        workers = len(options.endpoints) or options.slots
        scheduler = Scheduler(workers=workers, failed=self._fail)
        preparing = Preparing(
            pool,
            book,
            target=options.pace.prepared_wallets,
            until_idle=lambda seconds: scheduler.wait_until_idle(seconds=seconds),
            failed=self._fail,
        )
        desk = Desk(
            identity=opened.identity,
            journal=opened.journal,
            cases=Cases(opened.journal, opened.identity.public),
            decisions=Decisions(opened.journal),
            book=book,
            wallets=pool,
            node=node,
            coordinator=client,
            pace=options.pace,
            at=options.at,
            warm_wallet=preparing.take_warm,
        )

        def doctor(case: StoredCase) -> tuple[Finding, ...]:
            facts = gather(
                opened.journal, case, node, opened.network, examine=pool.examine, cached=True
            )
            return diagnose(facts)

        reconciler = Reconciler(desk, doctor=doctor)
        retries = Retries(
            reconciler, case=desk.cases.get, doctor=doctor, answer=client.answer_retry
        )
        return Engine(desk, reconciler, scheduler, preparing, retries)

    def _listen_for_pokes(self, stack: ExitStack) -> None:
        listener = self._opened.home.listen()

        def hear() -> None:
            while True:
                listener.recv(16)
                if self._over.is_set():
                    return
                self.engine.poke()

        thread = threading.Thread(target=hear, name="pokes", daemon=True)

        def hang_up() -> None:
            # One last poke gets the thread out of its recv.
            self._over.set()
            self._opened.home.poke()
            thread.join(5.0)
            listener.close()

        stack.callback(hang_up)
        thread.start()

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._over.set()
