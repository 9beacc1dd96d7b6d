"""Why a payout doesn't move: from facts to findings. Pure; ``examining`` gathers the facts.

What is wrong further down hides what is wrong further up: a wallet can't catch up with a node that
is behind. So the checks go from the ground up, and those that rest on a broken one are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tripartite.agent.verification import PayoutRefused
from tripartite.domain.parties import Role


class Ailment(StrEnum):
    """What is wrong; programs match on it."""

    NO_PAYOUT = "no_payout"
    FROZEN = "frozen"
    NODE_UNREACHABLE = "node_unreachable"
    NODE_WRONG_NETWORK = "node_wrong_network"
    VERSION_TOO_OLD = "version_too_old"
    NODE_BEHIND = "node_behind"
    WALLET_MISSING = "wallet_missing"
    WALLET_RPC_DEAD = "wallet_rpc_dead"
    CACHE_LOST = "cache_lost"
    WALLET_BEHIND = "wallet_behind"
    OVERTAKEN = "overtaken"
    ELSEWHERE = "elsewhere"
    ON_ITS_WAY = "on_its_way"
    VANISHED = "vanished"
    REJECTED = "rejected"
    STALE_DATA = "stale_data"
    IMPORT_NEEDED = "import_needed"
    TXSET_UNREADABLE = "txset_unreadable"
    NOT_AS_AGREED = "not_as_agreed"
    MONEY_LOCKED = "money_locked"
    OWN_TURN = "own_turn"
    OTHERS_TURN = "others_turn"


class Remedy(StrEnum):
    """What to do about it."""

    WAIT = "wait"
    """It mends itself."""
    RESTART = "restart_round"
    """Throw the round away; both export afresh. The agent does so by itself."""
    RESEND = "send_again"
    """Hand the signed payout to the network again. The agent does so by itself."""
    MEND = "mend"
    """Something of this party's own is broken, and a person has to mend it."""
    ASK = "ask_the_other"
    """Another party has to act."""
    LOOK = "look"
    """A person has to understand what happened before anything goes on."""


class Spending(StrEnum):
    """What the node says of the escrow's outputs."""

    UNSPENT = "unspent"
    IN_POOL = "in_pool"
    MINED = "mined"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The own node. ``height`` counts blocks, ``target`` those that its peers have (0: no more)."""

    own_network: bool
    recent_enough: bool
    height: int
    target: int


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """The escrow's wallet, opened and refreshed. ``spending`` is None if it knows no output."""

    height: int
    had_cache: bool
    import_needed: bool
    unlocked: int
    spending: Spending | None


@dataclass(frozen=True, slots=True)
class PayoutFacts:
    """The payout on record. ``turn`` is who has to act and with what, in the record's words.

    ``known`` says whether the node knows the transaction that was announced, or the one signed
    here; None if there is none yet. ``elsewhere``: it spends something else than its builder said.
    """

    attempt: int
    turn: tuple[tuple[Role, str], ...]
    announced: bool
    known: bool | None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found out; None where it couldn't be.

    ``trouble`` is the code of the last error in a step of the payout.
    """

    role: Role
    frozen: str | None
    payout: PayoutFacts | None
    node: NodeFacts | None
    has_wallet: bool
    wallet_seen: bool
    wallet: WalletFacts | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, what to do about it, and who has to."""

    ailment: Ailment
    remedy: Remedy
    advice: str
    who: Role | None = None


_STALE: Final = frozenset(
    {
        "stale_multisig_data",
        "payout_round_spent",
        "signing_failed",
        "already_signed",
        *(one.code for one in PayoutRefused.__subclasses__() if one.restart_helps),
    }
)
_NOT_AGREED: Final = frozenset(
    one.code for one in PayoutRefused.__subclasses__() if not one.restart_helps
)
_IMPORT: Final = frozenset(
    {"cosigner_behind", "multisig_info_unusable", "bad_multisig_info", "multisig_info_too_few"}
)


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """What keeps the payout from moving, the most fundamental first. Never empty."""
    found = tuple(_ground(facts))
    if any(one.remedy is not Remedy.WAIT for one in found):
        return found
    return (*found, *_payout(facts))


def _ground(facts: Facts) -> Iterator[Finding]:
    """The agent itself, its node, its wallet."""
    if facts.frozen is not None:
        yield Finding(
            Ailment.FROZEN,
            Remedy.LOOK,
            f"This agent stopped because of {facts.frozen}. See `tripartite agent status`; "
            "`tripartite agent resume` once you know why.",
            facts.role,
        )
    node = facts.node
    if node is None:
        yield Finding(
            Ailment.NODE_UNREACHABLE,
            Remedy.MEND,
            "Your Monero node doesn't answer. Start it, or name another with --node.",
            facts.role,
        )
        return
    if not node.own_network:
        yield Finding(
            Ailment.NODE_WRONG_NETWORK,
            Remedy.MEND,
            "Your node is on another network than the escrow. Name another with --node.",
            facts.role,
        )
        return
    if not node.recent_enough:
        yield Finding(
            Ailment.VERSION_TOO_OLD,
            Remedy.MEND,
            "Your monerod or monero-wallet-rpc is too old to sign with. Install a newer one.",
            facts.role,
        )
    if node.target > node.height:
        yield Finding(
            Ailment.NODE_BEHIND,
            Remedy.WAIT,
            f"Your node is at block {node.height} of {node.target}. Nothing is signed before it "
            "has caught up.",
            facts.role,
        )
    yield from _wallet(facts, node)


def _wallet(facts: Facts, node: NodeFacts) -> Iterator[Finding]:
    if not facts.has_wallet:
        yield Finding(
            Ailment.WALLET_MISSING,
            Remedy.MEND,
            "This home lacks the escrow's wallet. Restore a backup or a kit.",
            facts.role,
        )
        return
    wallet = facts.wallet
    if wallet is None:
        if facts.wallet_seen:
            yield Finding(
                Ailment.WALLET_RPC_DEAD,
                Remedy.MEND,
                "monero-wallet-rpc doesn't answer, or can't open the wallet. An agent starts its "
                "own again by itself; look into its log.",
                facts.role,
            )
        return
    if not wallet.had_cache:
        yield Finding(
            Ailment.CACHE_LOST,
            Remedy.RESTART,
            "The wallet's cache was lost and made anew from its keys; with it went the nonces of "
            "the round.",
            facts.role,
        )
    if wallet.height < node.height:
        yield Finding(
            Ailment.WALLET_BEHIND,
            Remedy.WAIT,
            f"The wallet has seen {wallet.height} of {node.height} blocks. It is catching up.",
            facts.role,
        )


def _payout(facts: Facts) -> Iterator[Finding]:
    payout = facts.payout
    if payout is None:
        yield Finding(
            Ailment.NO_PAYOUT, Remedy.WAIT, "No payout is being made: nobody decided on one."
        )
        return
    spending = None if facts.wallet is None else facts.wallet.spending
    if payout.elsewhere or (payout.known and spending is Spending.UNSPENT):
        yield Finding(
            Ailment.ELSEWHERE,
            Remedy.LOOK,
            "The transaction that was announced doesn't spend this escrow's money, which is where it "
            "was. Tell the others, and finish without whoever announced it: any two of you can.",
        )
        return
    if payout.known:
        yield Finding(
            Ailment.ON_ITS_WAY, Remedy.WAIT, "The payout is with the network: ten blocks end it."
        )
        return
    if spending in (Spending.IN_POOL, Spending.MINED):
        yield Finding(
            Ailment.OVERTAKEN,
            Remedy.LOOK,
            "Another transaction spends the escrow's money than the one on record. Ask the other "
            "parties which payout they made; nothing more can be signed.",
        )
        return
    if payout.announced:
        yield Finding(
            Ailment.VANISHED,
            Remedy.RESEND,
            "The network has forgotten the signed payout. It is sent again.",
            facts.role,
        )
        return
    yield from _round(facts, payout)


def _round(facts: Facts, payout: PayoutFacts) -> Iterator[Finding]:
    """What the last refusal says, then whose turn it is."""
    trouble = facts.trouble or ""
    unspent = facts.wallet is not None and facts.wallet.spending is Spending.UNSPENT
    if trouble in ("submit_rejected", "payout_overtaken") and unspent:
        yield Finding(
            Ailment.REJECTED,
            Remedy.RESTART,
            "The network refused the signed payout, and the money is unspent: it is built anew.",
            facts.role,
        )
    elif trouble in _STALE:
        yield Finding(
            Ailment.STALE_DATA,
            Remedy.RESTART,
            "The multisig data of this round is used up. Both export afresh.",
            facts.role,
        )
    elif trouble in _IMPORT or (facts.wallet is not None and facts.wallet.import_needed):
        yield Finding(
            Ailment.IMPORT_NEEDED,
            Remedy.RESTART,
            "A wallet hasn't taken in the other's data about every deposit. Both export afresh.",
            facts.role,
        )
    elif trouble == "bad_txset":
        yield Finding(
            Ailment.TXSET_UNREADABLE,
            Remedy.RESTART,
            "The wallet can't read what the other built: it is built anew. If it happens again, "
            "compare the versions of monero-wallet-rpc.",
            facts.role,
        )
    elif trouble in _NOT_AGREED:
        yield Finding(
            Ailment.NOT_AS_AGREED,
            Remedy.LOOK,
            f"What the other built isn't what was agreed ({trouble}); nothing was signed. Ask them "
            "before you go on.",
        )
    elif facts.wallet is not None and not facts.wallet.unlocked:
        yield Finding(
            Ailment.MONEY_LOCKED,
            Remedy.WAIT,
            "Nothing in the wallet can be spent yet: outputs unlock after ten blocks.",
        )
    for role, what in payout.turn:
        if role is facts.role:
            yield Finding(
                Ailment.OWN_TURN,
                Remedy.WAIT,
                f"It is this agent's turn ({what}, attempt {payout.attempt}). Keep it running.",
                role,
            )
        else:
            yield Finding(
                Ailment.OTHERS_TURN,
                Remedy.ASK,
                f"It is the {role.value}'s turn ({what}, attempt {payout.attempt}). If nothing "
                f"happens, ask the {role.value} to start their agent.",
                role,
            )
