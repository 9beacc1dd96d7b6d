"""Carrying an escrow on by files: the running agent's own steps and checks, once, then a file.

Nothing here decides anything: ``next_step`` says what is due, ``reconciling`` and ``paying`` do it,
with the same checks before signing as when a coordinator carries the messages.

Between two commands the process ends, and an export made in one has to be used in the next. The
wallet's cache holds its nonces, so it is trusted only if the last command ended in order and the
cache is, byte for byte, what that one left (``_take_session``). Else the round is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tripartite.agent.decisions import Decisions
from tripartite.agent.desk import Desk, Pace
from tripartite.agent.home import OpenHome
from tripartite.agent.intake import Cases
from tripartite.agent.journal import Freeze, Journal, StoredCase
from tripartite.agent.offline.bundles import Bundle, read_bundle, write_bundle
from tripartite.agent.offline.relay import FileRelay
from tripartite.agent.offline.taking import (
    BY_FILES,
    Taken,
    must_listen_first,
    own_copy,
    take_in,
    take_over,
)
from tripartite.agent.ports import Node as NodePort
from tripartite.agent.ports import Wallets, pass_through
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import Node
from tripartite.domain.errors import Tampered, Unavailable
from tripartite.domain.parties import Role
from tripartite.monero.monerod import Monerod
from tripartite.protocol.next_step import (
    BuildPayout,
    CosignPayout,
    ExportInfo,
    next_step,
    waiting_on,
)

_SESSION: Final = "files_session/"
_TRIES: Final = 3
"""Rounds begun anew within one command; more would turn in circles without the other party."""


class RoundStuck(Unavailable):
    """The payout couldn't be carried on just now."""

    code: ClassVar[str] = "payout_round_stuck"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the escrow stands after a command.

    ``for_whom`` should get the file next, None if nobody has to do anything. ``txid`` is the
    payout, once it was submitted.
    """

    case: StoredCase
    news: int
    set_aside: tuple[tuple[str, str], ...]
    said: tuple[str, ...]
    for_whom: Role | None
    waiting_on: tuple[tuple[Role, str], ...]
    txid: str | None
    listening: bool


def settle(
    opened: OpenHome,
    escrow_id: str,
    *,
    node: Node,
    files: Sequence[Path] = (),
    out: Path | None = None,
    despite: str | None = None,
) -> Standing:
    """Take in files, do what is due, write the file for the next.

    Raises ``AgentRunning``, ``EscrowFrozen``, the errors of ``read_bundle``, ``take_in`` and
    ``write_bundle``, and what the steps themselves refuse.
    """
    with opened.home.running():
        bundles = [read_bundle(path) for path in files]
        taken = begin(opened.journal, escrow_id, bundles, despite=despite)
        with ExitStack() as stack:
            monerod = Monerod(node.url, node.login, proxy=node.proxy and f"socks5h://{node.proxy}")
            stack.callback(monerod.close)
            session = _Session(opened, escrow_id)
            pool = WalletPool(opened.home.wallets, network=opened.network, node=node, slots=1)
            # In order: the wallets are closed, then what they left is noted.
            stack.callback(session.end)
            stack.callback(pool.stop)
            desk = make_desk(opened, session.run_id, monerod, pool)
            if _needs_wallets(desk, escrow_id):
                pool.start()
            standing = carry_on(desk, escrow_id, taken)
        if out is not None:
            copy = own_copy(opened.journal, standing.case)
            write_bundle(out, Bundle(escrow_id, copy))
    return standing


def begin(
    journal: Journal, escrow_id: str, bundles: Sequence[Bundle], *, despite: str | None = None
) -> tuple[Taken, ...]:
    """Take the escrow over and take the files in. Raises as ``settle`` does."""
    with journal.commit():
        take_over(journal, _case(journal, escrow_id), despite=despite)
        return tuple([take_in(journal, _case(journal, escrow_id), one) for one in bundles])


def make_desk(opened: OpenHome, run_id: str, node: NodePort, wallets: Wallets) -> Desk:
    """A desk whose mailbox is the own record."""
    journal = opened.journal
    cases = Cases(journal, opened.identity.public, unbound_by=BY_FILES)
    return Desk(
        identity=opened.identity,
        journal=journal,
        cases=cases,
        decisions=Decisions(journal),
        book=WalletBook(journal, run_id=run_id),
        wallets=wallets,
        node=node,
        coordinator=FileRelay(cases),
        pace=Pace(),
        at=pass_through,
        warm_wallet=lambda: None,
    )


def carry_on(
    desk: Desk,
    escrow_id: str,
    taken: Sequence[Taken] = (),
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Standing:
    """Do everything that is this party's to do now.

    Raises ``RoundStuck``, and what the steps refuse.
    """
    before = _said(desk.journal, escrow_id)
    listening = must_listen_first(desk.journal, escrow_id)
    if not listening:
        _work(desk, escrow_id, sleep)
    case = desk.cases.get(escrow_id)
    assert case is not None
    record = case.record
    busy = waiting_on(record)
    others = [role for role, _ in busy if role is not case.role]
    payout = record.payout
    partner = [role for role in payout.signers if role is not case.role] if payout else []
    return Standing(
        case=case,
        news=sum(one.news for one in taken),
        set_aside=tuple((one.code, one.text) for each in taken for one in each.set_aside),
        said=tuple(_said(desk.journal, escrow_id)[len(before) :]),
        for_whom=next((role for role in (*others, *partner) if role is not case.role), None),
        waiting_on=busy,
        txid=None if payout is None else payout.txid,
        listening=listening,
    )


def _work(desk: Desk, escrow_id: str, sleep: Callable[[float], None]) -> None:
    reconciler = Reconciler(desk)
    for _ in range(_TRIES):
        try:
            pause = reconciler.work(escrow_id)
        except Tampered as error:
            desk.journal.alarm(escrow_id, None, Freeze(error.code, error.detail))
            raise
        case = desk.cases.get(escrow_id)
        assert case is not None
        due = next_step(case.record, case.role)
        if pause is None or not isinstance(due, ExportInfo | BuildPayout | CosignPayout):
            return
        sleep(pause)
    raise RoundStuck("Nothing was signed. `tripartite agent doctor` says why; then run this again.")


def _needs_wallets(desk: Desk, escrow_id: str) -> bool:
    """Whether a wallet has to be opened.

    Also for the last look at a payout: only the wallet can tell that it spent this escrow's money.
    """
    case = desk.cases.get(escrow_id)
    assert case is not None
    step = next_step(case.record, case.role)
    if must_listen_first(desk.journal, escrow_id):
        return False
    decided = desk.decisions.next_intent(escrow_id) is not None
    return decided or step is not None


class _Session:
    """The trust from one command to the next: a run id, and the cache that it left."""

    def __init__(self, opened: OpenHome, escrow_id: str) -> None:
        """Take what the last command left, once: whoever dies before ``end`` leaves nothing."""
        self._journal = opened.journal
        self._key = _SESSION + escrow_id
        self._cache = _cache_file(opened, escrow_id)
        self.run_id = secrets.token_hex(8)
        with self._journal.commit():
            left = json.loads(self._journal.setting(self._key) or "{}")
            self._journal.set_setting(self._key, "{}")
        if left and left.get("cache") == _digest(self._cache):
            self.run_id = left["run_id"]

    def end(self) -> None:
        """The wallets are stored and closed: the next command may go on with them."""
        left = {"run_id": self.run_id, "cache": _digest(self._cache)}
        self._journal.set_setting(self._key, json.dumps(left))


def _cache_file(opened: OpenHome, escrow_id: str) -> Path | None:
    case = _case(opened.journal, escrow_id)
    book = WalletBook(opened.journal, run_id="")
    ref = book.assigned(escrow_id, case.record.attempt)
    return None if ref is None else WalletFiles(opened.home.wallets).wallets / ref.name


def _digest(path: Path | None) -> str | None:
    if path is None or not path.exists():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _case(journal: Journal, escrow_id: str) -> StoredCase:
    case = journal.case(escrow_id)
    assert case is not None
    return case


def _said(journal: Journal, escrow_id: str) -> list[str]:
    found = journal.rows(
        "SELECT kind FROM outbox WHERE escrow_id = ? AND position IS NOT NULL ORDER BY seq",
        (escrow_id,),
    )
    return [str(row[0]) for row in found]
