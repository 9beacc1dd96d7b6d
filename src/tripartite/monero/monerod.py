"""A Monero node."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar, Final

from tripartite.domain.parties import Network
from tripartite.monero.answers import Answer
from tripartite.monero.errors import DaemonBusy, DaemonNotOk, RpcAnswerUnreadable
from tripartite.monero.transport import Client

# What a node calls the networks in get_info.
_LOOKS: Final = 200
_BETWEEN_LOOKS: Final = 0.02

_NETWORKS: Final = {
    "mainnet": Network.MAINNET,
    "stagenet": Network.STAGENET,
    "testnet": Network.TESTNET,
    "fakechain": Network.REGTEST,
}


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node's own account of itself. ``height`` counts blocks: the top one is ``height - 1``.

    ``target_height`` is 0 when the node knows of no higher chain. ``version`` is empty when the
    node is restricted. ``untrusted`` answers came from a bootstrap node. ``started`` is when its
    process began, in seconds since 1970; 0 when it is restricted.
    """

    network: Network
    height: int
    target_height: int
    top_block_hash: str
    synchronized: bool
    offline: bool
    untrusted: bool
    pool_size: int
    version: str
    started: int = 0


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """A node's interface version; also given by a restricted node."""

    major: int
    minor: int
    release: bool


@dataclass(frozen=True, slots=True)
class KnownTransaction:
    """A transaction as the node has it; ``height`` is None and ``confirmations`` 0 in the pool.

    ``blob`` is the raw transaction (hex): it can be sent again without any wallet. ``key_images``
    say which outputs it spends, as nobody can spend one without its image.
    """

    txid: str
    in_pool: bool
    height: int | None
    confirmations: int
    double_spend_seen: bool
    blob: str
    key_images: tuple[str, ...] = ()

    @classmethod
    def read(cls, answer: Answer, *, chain_height: int) -> KnownTransaction:
        """From an entry of ``get_transactions``; ``chain_height`` counts blocks."""
        in_pool = answer.flag("in_pool")
        height = None if in_pool else answer.amount("block_height")
        # Counted here rather than read: not every version tells.
        confirmations = 0 if height is None else max(chain_height - height, 0)
        return cls(
            txid=answer.text("tx_hash"),
            in_pool=in_pool,
            height=height,
            confirmations=confirmations,
            double_spend_seen=answer.flag("double_spend_seen", False),
            blob=answer.text("as_hex", ""),
            key_images=_key_images(answer),
        )


@dataclass(frozen=True, slots=True)
class FoundTransactions:
    """The transactions asked for; ``missed`` are ids that the node doesn't know."""

    found: tuple[KnownTransaction, ...]
    missed: tuple[str, ...]


class KeyImageStatus(IntEnum):
    """Whether an output has been spent, in the numbers of ``is_key_image_spent``."""

    UNSPENT = 0
    SPENT_IN_CHAIN = 1
    SPENT_IN_POOL = 2


class RejectReason(StrEnum):
    """Why a node won't take a transaction: the flags of ``send_raw_transaction``."""

    LOW_MIXIN = "low_mixin"
    DOUBLE_SPEND = "double_spend"
    INVALID_INPUT = "invalid_input"
    INVALID_OUTPUT = "invalid_output"
    TOO_BIG = "too_big"
    OVERSPEND = "overspend"
    FEE_TOO_LOW = "fee_too_low"
    TOO_FEW_OUTPUTS = "too_few_outputs"
    SANITY_CHECK_FAILED = "sanity_check_failed"
    TX_EXTRA_TOO_BIG = "tx_extra_too_big"
    NONZERO_UNLOCK_TIME = "nonzero_unlock_time"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a raw transaction: in the node's pool, and passed on to others or not.

    Not accepted without any reason given can happen: it says only that the node won't have it.
    """

    accepted: bool
    relayed: bool
    reasons: frozenset[RejectReason]


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The head of one block; ``timestamp`` is the miner's word, in seconds since 1970."""

    height: int
    hash: str
    previous_hash: str
    timestamp: int
    orphan: bool

    @classmethod
    def read(cls, answer: Answer) -> BlockHeader:
        """From ``block_header``."""
        return cls(
            height=answer.amount("height"),
            hash=answer.text("hash"),
            previous_hash=answer.text("prev_hash"),
            timestamp=answer.amount("timestamp"),
            orphan=answer.flag("orphan_status"),
        )


@dataclass(frozen=True, slots=True)
class FeeEstimate:
    """Piconero per byte of weight: the usual fee, and one per priority, lowest first."""

    per_byte: int
    by_priority: tuple[int, ...]
    quantization_mask: int


class Monerod(Client):
    """One node: one connection, one call at a time.

    Every call raises the errors of ``transport.Channel.call``, and DaemonBusy or DaemonNotOk.
    """

    METHODS: ClassVar[frozenset[str]] = frozenset(
        {
            "flush_txpool", "generateblocks", "get_block_count", "get_block_header_by_height",
            "get_fee_estimate", "get_info", "get_last_block_header",
            "get_transaction_pool", "get_transaction_pool_hashes", "get_transactions", "get_version",
            "is_key_image_spent", "pop_blocks", "send_raw_transaction",
        }
    )  # fmt: skip

    def get_info(self) -> NodeInfo:
        """Height, network, version and whether the node is in step with the others."""
        answer = _ok(self._channel.call("get_info", {}))
        network = _NETWORKS.get(answer.text("nettype"))
        if network is None:
            raise RpcAnswerUnreadable("The node is of a network we don't know.", method="get_info")
        return NodeInfo(
            network=network,
            height=answer.amount("height"),
            target_height=answer.amount("target_height"),
            top_block_hash=answer.text("top_block_hash"),
            synchronized=answer.flag("synchronized"),
            offline=answer.flag("offline"),
            untrusted=answer.flag("untrusted", False),
            pool_size=answer.amount("tx_pool_size"),
            version=answer.text("version", ""),
            started=answer.amount("start_time", 0),
        )

    def get_version(self) -> NodeVersion:
        """The interface's version (``major << 16 | minor``)."""
        answer = _ok(self._channel.call("get_version", {}))
        number = answer.integer("version")
        return NodeVersion(number >> 16, number & 0xFFFF, answer.flag("release", False))

    def get_block_count(self) -> int:
        """How many blocks the chain has; the top one's height is one less."""
        return _ok(self._channel.call("get_block_count", {})).amount("count")

    def get_last_block_header(self) -> BlockHeader:
        """The top block."""
        answer = _ok(self._channel.call("get_last_block_header", {}))
        return BlockHeader.read(answer.part("block_header"))

    def get_block_header(self, height: int) -> BlockHeader:
        """The block at ``height`` of the main chain."""
        answer = _ok(self._channel.call("get_block_header_by_height", {"height": height}))
        return BlockHeader.read(answer.part("block_header"))

    def get_fee_estimate(self) -> FeeEstimate:
        """What the next blocks will ask for."""
        answer = _ok(self._channel.call("get_fee_estimate", {}))
        return FeeEstimate(
            answer.amount("fee"), answer.amounts("fees"), answer.amount("quantization_mask", 1)
        )

    def get_transactions(self, txids: Sequence[str], *, prune: bool = False) -> FoundTransactions:
        """The transactions by id; ``prune`` leaves the proofs out of ``blob``.

        Confirmations are counted from one more question, asked first: a block that arrives
        between the two can only make them fewer, never more.
        """
        height = self.get_block_count()
        body: dict[str, object] = {
            "txs_hashes": list(txids), "prune": prune, "decode_as_json": True
        }  # fmt: skip
        answer = _ok(self._channel.post("/get_transactions", body))
        return FoundTransactions(
            tuple(KnownTransaction.read(one, chain_height=height) for one in answer.parts("txs")),
            answer.texts("missed_tx"),
        )

    def is_key_image_spent(self, key_images: Sequence[str]) -> tuple[KeyImageStatus, ...]:
        """One status per key image, in their order."""
        answer = _ok(self._channel.post("/is_key_image_spent", {"key_images": list(key_images)}))
        statuses = answer.amounts("spent_status")
        if len(statuses) != len(key_images) or not set(statuses) <= set(KeyImageStatus):
            raise RpcAnswerUnreadable(
                "The node's answer doesn't fit the question.", method="is_key_image_spent"
            )
        return tuple(KeyImageStatus(status) for status in statuses)

    def get_pool(self) -> frozenset[str]:
        """The ids of the transactions that wait to be mined."""
        return frozenset(
            _ok(self._channel.post("/get_transaction_pool_hashes", {})).texts("tx_hashes")
        )

    def send_raw_transaction(self, blob: str) -> Submission:
        """Hand in a signed transaction (hex). One that is in the pool or mined is taken again.

        So "accepted" never says that it will be mined: look it up by its id.
        """
        answer = self._channel.post("/send_raw_transaction", {"tx_as_hex": blob}, heavy=True)
        status = answer.text("status")
        if status == "BUSY":
            raise _busy(answer)
        return Submission(
            accepted=status == "OK",
            relayed=status == "OK" and not answer.flag("not_relayed", False),
            reasons=frozenset(one for one in RejectReason if answer.flag(one.value, False)),
        )

    # On regtest only

    def generate_blocks(self, count: int, address: str) -> tuple[str, ...]:
        """Mine ``count`` blocks at once, their reward to ``address``; their hashes.

        A node mines what it has passed on, or would have, and does that some moments after it took
        it: on a busy machine the first block misses one payment in five. So it is waited for.
        """
        for _ in range(_LOOKS):
            if not self._is_passing_on():
                break
            time.sleep(_BETWEEN_LOOKS)
        params: dict[str, object] = {"amount_of_blocks": count, "wallet_address": address}
        return _ok(self._channel.call("generateblocks", params, heavy=True)).texts("blocks")

    def _is_passing_on(self) -> bool:
        """Whether the pool holds something that wallets sent and that can't be mined yet."""
        pool = _ok(self._channel.post("/get_transaction_pool", {})).parts("transactions")
        return any(
            not one.flag("relayed", True)
            and not one.flag("do_not_relay", False)
            and not one.flag("kept_by_block", False)
            for one in pool
        )

    def pop_blocks(self, count: int) -> int:
        """Take the top blocks off again; the new number of blocks."""
        return _ok(self._channel.post("/pop_blocks", {"nblocks": count}, heavy=True)).amount(
            "height"
        )

    def flush_txpool(self, txids: Sequence[str] = ()) -> None:
        """Forget the given transactions of the pool, or all of them."""
        _ok(self._channel.call("flush_txpool", {"txids": list(txids)}))


def _ok(answer: Answer) -> Answer:
    """The answer, if the node says it is one. Raises DaemonBusy or DaemonNotOk."""
    status = answer.text("status")
    if status == "BUSY":
        raise _busy(answer)
    if status != "OK":
        raise DaemonNotOk(
            f"{answer.method} failed. The node's own log says more.", method=answer.method
        )
    return answer


def _key_images(answer: Answer) -> tuple[str, ...]:
    """From a transaction's own JSON; the inputs of a block's reward have none."""
    try:
        decoded: object = json.loads(answer.text("as_json", "") or "{}")
    except (ValueError, RecursionError):
        raise RpcAnswerUnreadable(
            "The node's transaction can't be read.", method=answer.method
        ) from None
    inputs = Answer.of(answer.method, decoded).parts("vin")
    return tuple(one.part("key").text("k_image") for one in inputs if "key" in one.fields)


def _busy(answer: Answer) -> DaemonBusy:
    return DaemonBusy("Wait until the node has caught up.", method=answer.method)
