"""The facts that the doctor judges: asked of the own node, the own wallet and the journal.

Whatever doesn't answer is a fact, too, so errors become None here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from tripartite.agent.broadcasts import infos_of_others
from tripartite.agent.doctor import (
    Facts,
    Finding,
    NodeFacts,
    PayoutFacts,
    Remedy,
    Spending,
    WalletFacts,
    diagnose,
)
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import Freeze, Journal, StoredCase
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.health import Health
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import Node, WalletRef
from tripartite.domain.errors import Refused, Tampered, Unavailable
from tripartite.domain.parties import Network
from tripartite.monero.monerod import KeyImageStatus, Monerod, NodeInfo, NodeVersion
from tripartite.monero.versions import VersionTooOld, require_supported_node
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import is_own_payout

_TROUBLE: Final = "trouble/"
_DIAGNOSIS: Final = "diagnosis/"


class AskableNode(Protocol):
    """The part of a node that is asked."""

    def get_info(self) -> NodeInfo: ...

    def get_version(self) -> NodeVersion: ...


def note_trouble(journal: Journal, escrow_id: str, code: str) -> None:
    """Remember why a step of the payout failed."""
    journal.set_setting(_TROUBLE + escrow_id, code)


def note_diagnosis(journal: Journal, escrow_id: str, findings: tuple[Finding, ...]) -> None:
    """Remember what was found; a finding that a person must look at becomes an alarm, once."""
    stored = json.dumps([[one.ailment.value, one.remedy.value, one.advice] for one in findings])
    if stored == journal.setting(_DIAGNOSIS + escrow_id):
        return
    with journal.commit():
        journal.set_setting(_DIAGNOSIS + escrow_id, stored)
        for one in findings:
            if one.remedy in (Remedy.LOOK, Remedy.MEND):
                journal.alarm(escrow_id, None, Freeze(one.ailment.value, one.advice))


def look(opened: OpenHome, case: StoredCase, node: Node) -> tuple[Finding, ...]:
    """Everything there is to find out from this home; what was found is noted.

    While the agent runs its wallets are left alone.
    """
    client = Monerod(node.url, node.login, proxy=node.proxy and f"socks5h://{node.proxy}")
    try:
        facts = _facts_of(opened, case, client, node)
    finally:
        client.close()
    findings = diagnose(facts)
    note_diagnosis(opened.journal, case.escrow_id, findings)
    return findings


def _facts_of(opened: OpenHome, case: StoredCase, client: Monerod, node: Node) -> Facts:
    cached = _has_cache(opened, case)
    if opened.home.is_running():
        return gather(opened.journal, case, client, opened.network, examine=None, cached=cached)
    pool = WalletPool(opened.home.wallets, network=opened.network, node=node, slots=1)
    with opened.home.running():
        try:
            with suppress(Refused, Unavailable):
                pool.start()
            return gather(
                opened.journal,
                case,
                client,
                opened.network,
                examine=lambda ref: pool.examine(ref, _learned(opened, case)),
                cached=cached,
            )
        finally:
            pool.stop()


def _learned(opened: OpenHome, case: StoredCase) -> tuple[str, ...]:
    """The signers' multisig data, for a wallet that takes no part in the signing."""
    payout = case.record.payout
    if payout is None or case.role in payout.signers:
        return ()
    return infos_of_others(opened.journal, opened.identity, case)


def gather(
    journal: Journal,
    case: StoredCase,
    node: Monerod,
    network: Network,
    *,
    examine: Callable[[WalletRef], Health] | None,
    cached: bool,
) -> Facts:
    """The facts about one escrow. ``examine`` is None where the wallet is left alone."""
    book = WalletBook(journal, run_id="")
    ref = book.assigned(case.escrow_id, case.record.attempt)
    wallet, asked, before = None, _node(node, network), _payout(journal, case, node)
    seen = max((one.height for one in case.record.reports.values()), default=0)
    if asked is not None and asked.height < seen:
        # The deposit was reported higher up: no wallet is to unlearn it from a shorter chain.
        asked, examine = replace(asked, target=max(asked.target, seen)), None
    if ref is not None and examine is not None:
        with suppress(Refused, Unavailable, Tampered):
            wallet = _wallet(examine(ref), cached=cached)
    payout = _payout(journal, case, node)
    if payout != before:
        # It was sent just now: what the wallet said may be of before, and would look like a theft.
        wallet = None
    frozen = None if case.frozen is None or case.frozen.code == "by_files" else case.frozen.code
    return Facts(
        role=case.role,
        frozen=frozen,
        payout=payout,
        node=asked,
        has_wallet=ref is not None,
        wallet_seen=examine is not None and payout == before,
        wallet=wallet,
        trouble=journal.setting(_TROUBLE + case.escrow_id),
    )


def _node(node: AskableNode, network: Network) -> NodeFacts | None:
    try:
        info, version = node.get_info(), node.get_version()
    except (Refused, Unavailable):
        return None
    recent = True
    try:
        require_supported_node(network, version, info)
    except VersionTooOld:
        recent = False
    except Refused:
        # A version text that nobody can read says nothing about its age.
        recent = True
    return NodeFacts(info.network is network, recent, info.height, info.target_height)


def _wallet(health: Health, *, cached: bool) -> WalletFacts:
    spending = None
    if health.spent:
        spending = Spending.UNSPENT
        if KeyImageStatus.SPENT_IN_POOL in health.spent:
            spending = Spending.IN_POOL
        if KeyImageStatus.SPENT_IN_CHAIN in health.spent:
            spending = Spending.MINED
    return WalletFacts(health.height, cached, health.import_needed, health.unlocked, spending)


def _payout(journal: Journal, case: StoredCase, node: Monerod) -> PayoutFacts | None:
    payout = case.record.payout
    if payout is None:
        return None
    saved = WalletBook(journal, run_id="").signed(case.escrow_id, payout.attempt)
    txids = [txid for txid in (payout.txid, saved, *case.record.broadcasts) if txid is not None]
    known: bool | None = None
    elsewhere = False
    if txids:
        with suppress(Refused, Unavailable):
            found = node.get_transactions(list(dict.fromkeys(txids)), prune=True).found
            announced = [one for one in found if one.txid in case.record.broadcasts]
            own = [one for one in announced if is_own_payout(case.record, one.txid, one.key_images)]
            known, elsewhere = bool(found), bool(announced) and not own
    return PayoutFacts(
        attempt=payout.attempt,
        turn=waiting_on(case.record),
        announced=payout.txid is not None,
        known=known,
        elsewhere=elsewhere,
    )


def _has_cache(opened: OpenHome, case: StoredCase) -> bool:
    ref = WalletBook(opened.journal, run_id="").assigned(case.escrow_id, case.record.attempt)
    return ref is None or (WalletFiles(opened.home.wallets).wallets / ref.name).exists()
