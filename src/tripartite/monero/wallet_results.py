"""What a wallet-rpc answers, as frozen records. All amounts are piconero."""

from __future__ import annotations

from dataclasses import dataclass

from tripartite.monero.answers import Answer


@dataclass(frozen=True, slots=True)
class MultisigStatus:
    """Where the open wallet stands; it can't tell "after make" from "after exchange 1"."""

    multisig: bool
    ready: bool
    threshold: int
    total: int

    @classmethod
    def read(cls, answer: Answer) -> MultisigStatus:
        """From ``is_multisig``."""
        return cls(
            multisig=answer.flag("multisig"),
            ready=answer.flag("ready"),
            threshold=answer.integer("threshold"),
            total=answer.integer("total"),
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """What the wallet holds; ``unlocked`` can be spent now."""

    total: int
    unlocked: int
    multisig_import_needed: bool
    blocks_to_unlock: int
    seconds_to_unlock: int

    @classmethod
    def read(cls, answer: Answer) -> Balance:
        """From ``get_balance``."""
        return cls(
            total=answer.amount("balance"),
            unlocked=answer.amount("unlocked_balance"),
            multisig_import_needed=answer.flag("multisig_import_needed", False),
            blocks_to_unlock=answer.amount("blocks_to_unlock", 0),
            seconds_to_unlock=answer.amount("time_to_unlock", 0),
        )


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transaction as one wallet sees it.

    ``kind`` is Monero's word: in, out, pending, failed, pool, block (mined). ``height`` is 0
    while it is in the pool. ``unlock_time`` is a height, or a time when above 500,000,000, and
    any payer can set it to anything.
    """

    txid: str
    kind: str
    height: int
    timestamp: int
    amount: int
    amounts: tuple[int, ...]
    fee: int
    unlock_time: int
    locked: bool
    double_spend_seen: bool
    confirmations: int
    address: str
    subaddress: tuple[int, int]

    @classmethod
    def read(cls, answer: Answer) -> Transfer:
        """From an entry of ``get_transfers``."""
        index = answer.part("subaddr_index")
        return cls(
            txid=answer.text("txid"),
            kind=answer.text("type"),
            height=answer.amount("height"),
            timestamp=answer.amount("timestamp", 0),
            amount=answer.amount("amount"),
            amounts=answer.amounts("amounts"),
            fee=answer.amount("fee", 0),
            unlock_time=answer.amount("unlock_time"),
            locked=answer.flag("locked"),
            double_spend_seen=answer.flag("double_spend_seen", False),
            confirmations=answer.amount("confirmations", 0),
            address=answer.text("address", ""),
            subaddress=(index.amount("major"), index.amount("minor")),
        )


@dataclass(frozen=True, slots=True)
class Transfers:
    """Everything the wallet knows, by place. ``pending`` and ``failed`` are only its opinion."""

    incoming: tuple[Transfer, ...]
    outgoing: tuple[Transfer, ...]
    pending: tuple[Transfer, ...]
    failed: tuple[Transfer, ...]
    pool: tuple[Transfer, ...]

    @classmethod
    def read(cls, answer: Answer) -> Transfers:
        """From ``get_transfers``."""

        def entries(name: str) -> tuple[Transfer, ...]:
            return tuple(Transfer.read(entry) for entry in answer.parts(name))

        return cls(entries("in"), entries("out"), entries("pending"), entries("failed"),
                   entries("pool"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Output:
    """One output the wallet owns. Its key image is empty until a multisig import."""

    txid: str
    amount: int
    spent: bool
    unlocked: bool
    frozen: bool
    height: int
    global_index: int
    key_image: str
    subaddress: tuple[int, int]

    @classmethod
    def read(cls, answer: Answer) -> Output:
        """From an entry of ``incoming_transfers``."""
        index = answer.part("subaddr_index")
        return cls(
            txid=answer.text("tx_hash"),
            amount=answer.amount("amount"),
            spent=answer.flag("spent"),
            unlocked=answer.flag("unlocked"),
            frozen=answer.flag("frozen", False),
            height=answer.amount("block_height"),
            global_index=answer.amount("global_index"),
            key_image=answer.text("key_image", ""),
            subaddress=(index.amount("major"), index.amount("minor")),
        )


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a transaction sends how much."""

    address: str
    amount: int

    @classmethod
    def read(cls, answer: Answer) -> Recipient:
        """From a recipient of ``describe_transfer``."""
        return cls(answer.text("address"), answer.amount("amount"))


@dataclass(frozen=True, slots=True)
class DescribedTransaction:
    """One transaction of a set, as the describing wallet reads it."""

    amount_in: int
    amount_out: int
    fee: int
    unlock_time: int
    recipients: tuple[Recipient, ...]
    change_amount: int
    change_address: str
    dummy_outputs: int
    ring_size: int
    payment_id: str
    extra: str

    @classmethod
    def read(cls, answer: Answer) -> DescribedTransaction:
        """From an entry of ``describe_transfer``'s ``desc``."""
        return cls(
            amount_in=answer.amount("amount_in"),
            amount_out=answer.amount("amount_out"),
            fee=answer.amount("fee"),
            unlock_time=answer.amount("unlock_time"),
            recipients=tuple(Recipient.read(one) for one in answer.parts("recipients")),
            change_amount=answer.amount("change_amount"),
            change_address=answer.text("change_address", ""),
            dummy_outputs=answer.amount("dummy_outputs"),
            ring_size=answer.amount("ring_size"),
            payment_id=answer.text("payment_id", ""),
            extra=answer.text("extra", ""),
        )


@dataclass(frozen=True, slots=True)
class Description:
    """A whole transaction set: the wallet's sums, and each transaction."""

    amount_in: int
    amount_out: int
    fee: int
    recipients: tuple[Recipient, ...]
    change_amount: int
    change_address: str
    transactions: tuple[DescribedTransaction, ...]

    @classmethod
    def read(cls, answer: Answer) -> Description:
        """From ``describe_transfer``."""
        summary = answer.part("summary")
        return cls(
            amount_in=summary.amount("amount_in"),
            amount_out=summary.amount("amount_out"),
            fee=summary.amount("fee"),
            recipients=tuple(Recipient.read(one) for one in summary.parts("recipients")),
            change_amount=summary.amount("change_amount"),
            change_address=summary.text("change_address", ""),
            transactions=tuple(DescribedTransaction.read(one) for one in answer.parts("desc")),
        )


@dataclass(frozen=True, slots=True)
class WalletVersion:
    """A wallet-rpc's interface version; it tells its release only within bounds."""

    major: int
    minor: int
    release: bool


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh brought."""

    blocks_fetched: int
    received_money: bool


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """The wallet's opinion of an address."""

    valid: bool
    integrated: bool
    subaddress: bool
    nettype: str
