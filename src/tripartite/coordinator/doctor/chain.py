"""Judging Monero's programs, and the clock that the chain is held against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tripartite.coordinator.doctor.facts import (
    DatabaseFacts,
    Faulty,
    NodeFacts,
    SettingsFacts,
    Unknown,
)
from tripartite.coordinator.doctor.report import LOOK_AGAIN, Check, Finding, Verdict
from tripartite.domain.parties import Network
from tripartite.monero.versions import OLDEST_WALLET_FOR_MAINNET, Version, open_weaknesses

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN

# Work and attached wallets go by leases, the shorter of which are 15 s: the operator's guide asks
# for clocks that differ by a few seconds and no more.
_CLOCKS_APART: Final = 2.0
_CLOCKS_WRONG: Final = 5.0
# A node takes no block that is further ahead of its clock (CRYPTONOTE_BLOCK_FUTURE_TIME_LIMIT), so
# miners' clocks may differ by that.
_BLOCK_AHEAD: Final = 2 * 3600.0
# Mainnet's blocks come every two minutes: a gap of two hours has a probability of exp(-60).
_BLOCK_LATE: Final = 2 * 3600.0


def judge_node(
    settings: SettingsFacts | None, seen: NodeFacts | Faulty | Unknown | None
) -> Iterator[Finding]:
    """Our own monerod: whether it answers, its network, its version, its chain."""
    match seen:
        case None:
            yield Finding(
                Check.NODE,
                BAD,
                "No monerod is configured: payouts are carried and never confirmed.",
                "Set TRIPARTITE_MONEROD_URL to a node of your own.",
            )
        case Unknown(why):
            for check in (Check.NODE, Check.NODE_VERSION, Check.NODE_SYNC):
                yield Finding(check, UNKNOWN, f"Your monerod: {why}.", LOOK_AGAIN)
        case Faulty(why):
            yield Finding(Check.NODE, BAD, "Your monerod can't be used as it is set.", why)
        case NodeFacts() if settings is not None and seen.network is not settings.network:
            yield Finding(
                Check.NODE,
                BAD,
                f"Your monerod follows {seen.network.value}, not {settings.network.value}.",
                "Change TRIPARTITE_MONEROD_URL.",
            )
        case NodeFacts():
            yield from _own_node(seen, Network.MAINNET if settings is None else settings.network)


def _own_node(node: NodeFacts, network: Network) -> Iterator[Finding]:
    if node.untrusted:
        yield Finding(
            Check.NODE,
            BAD,
            "Your monerod hands on the answers of a bootstrap node.",
            "Wait until it has the chain itself, and start it without --bootstrap-daemon-address.",
        )
    else:
        yield Finding(Check.NODE, GOOD, f"It answers, and is of {network.value}.")
    release = "of an unknown release" if node.release is None else str(node.release)
    if node.complaint is not None:
        yield Finding(Check.NODE_VERSION, BAD, f"monerod {release} is too old.", node.complaint)
    elif node.release is not None and node.release < OLDEST_WALLET_FOR_MAINNET:
        yield Finding(
            Check.NODE_VERSION,
            WEAK,
            f"monerod {release} holds no keys and works, but newer ones have mended faults.",
            f"Install {OLDEST_WALLET_FOR_MAINNET} or newer.",
        )
    else:
        yield Finding(Check.NODE_VERSION, GOOD, f"monerod {release}.")
    # A node of regtest has no others to be in step with, and may never call itself synchronised.
    if node.behind > 0 or (not node.synchronized and network is not Network.REGTEST):
        yield Finding(
            Check.NODE_SYNC,
            BAD,
            f"It lacks {node.behind} blocks." if node.behind else "It hasn't the whole chain yet.",
            "Wait; until then payouts are confirmed late.",
        )
    else:
        yield Finding(Check.NODE_SYNC, GOOD, "It has the whole chain.")


def judge_wallet_rpc(network: Network, release: Version | Unknown | None) -> Iterator[Finding]:
    """The multisig faults that the monero-wallet-rpc of this machine is known for."""
    match release:
        case Unknown(why):
            yield Finding(
                Check.WALLET_RPC,
                UNKNOWN,
                f"Of what version this machine's monero-wallet-rpc is: {why}.",
                "Ask it: monero-wallet-rpc --version",
            )
        case None:
            yield Finding(
                Check.WALLET_RPC,
                GOOD,
                "There is none on this machine, and a coordinator needs none; agents refuse old ones.",
            )
        case Version():
            known = open_weaknesses(release)
            if not known:
                yield Finding(Check.WALLET_RPC, GOOD, f"monero-wallet-rpc {release}.")
                return
            mainnet = network is Network.MAINNET
            yield Finding(
                Check.WALLET_RPC,
                BAD if mainnet else WEAK,
                f"monero-wallet-rpc {release}: {'; '.join(known)}.",
                f"Install Monero {OLDEST_WALLET_FOR_MAINNET} or newer"
                + (": agents here refuse to sign with it." if mainnet else " for real money."),
            )


def judge_clock(
    network: Network,
    database: DatabaseFacts | Faulty | Unknown,
    node: NodeFacts | Faulty | Unknown | None,
) -> Iterator[Finding]:
    """Our clock, held against those that others go by."""
    compared = []
    wrong = False
    if isinstance(database, DatabaseFacts) and database.ahead_seconds is not None:
        apart = abs(database.ahead_seconds)
        compared.append("the database's")
        if apart > _CLOCKS_APART:
            wrong = True
            yield Finding(
                Check.CLOCK,
                BAD if apart > _CLOCKS_WRONG else WEAK,
                f"The database's clock is {apart:.1f} s from ours; leases go by them.",
                "Run NTP on both machines.",
            )
    # Blocks of regtest are made when somebody wants them: they tell no time.
    if isinstance(node, NodeFacts) and node.synchronized and network is not Network.REGTEST:
        compared.append("the chain's")
        if node.block_age_seconds < -_BLOCK_AHEAD or node.block_age_seconds > _BLOCK_LATE:
            wrong = True
            hours = abs(node.block_age_seconds) / 3600
            way = "ahead of" if node.block_age_seconds < 0 else "behind"
            yield Finding(
                Check.CLOCK,
                # On the test networks blocks come when somebody feels like mining.
                BAD if network is Network.MAINNET else WEAK,
                f"The newest block is {hours:.1f} hours {way} our clock.",
                "Run NTP. If the clock is right, your node is cut off from the others.",
            )
    if wrong:
        return
    if compared:
        yield Finding(Check.CLOCK, GOOD, f"It agrees with {' and '.join(compared)}.")
    else:
        yield Finding(
            Check.CLOCK,
            UNKNOWN,
            "There is no other clock to compare with: no database of its own, no chain in step.",
            "See that NTP runs: timedatectl",
        )
