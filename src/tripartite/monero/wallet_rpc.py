"""A ``monero-wallet-rpc`` process, without the calls that make keys or signatures.

Those are in ``monero.signing``, so that an import rule can keep them away from the coordinator.
"""

from __future__ import annotations

from typing import ClassVar

from tripartite.domain.secrets import Secret
from tripartite.monero.answers import Answer
from tripartite.monero.errors import DaemonUnreachable
from tripartite.monero.transport import Client
from tripartite.monero.wallet_results import (
    Balance,
    CheckedAddress,
    Description,
    MultisigStatus,
    Output,
    Refreshed,
    Transfer,
    Transfers,
    WalletVersion,
)


class WalletRpc(Client):
    """One wallet-rpc process: one connection, one open wallet, one call at a time.

    Every call raises the errors of ``transport.Channel.call``; those named here are the ones to
    expect. After RpcOutcomeUnknown the call may have been carried out.
    """

    METHODS: ClassVar[frozenset[str]] = frozenset(
        {
            "auto_refresh", "close_wallet", "create_wallet", "describe_transfer", "get_address",
            "get_balance", "get_height", "get_transfer_by_txid", "get_transfers", "get_version",
            "incoming_transfers", "is_multisig", "open_wallet", "refresh", "store",
            "validate_address",
        }
    )  # fmt: skip
    """What an object of this class can ask for; nothing here makes keys or signs."""

    # The process

    def get_version(self) -> WalletVersion:
        """The interface's version: major and minor number in one (``major << 16 | minor``)."""
        answer = self._call("get_version")
        number = answer.integer("version")
        return WalletVersion(number >> 16, number & 0xFFFF, answer.flag("release", False))

    # Wallet files

    def create_wallet(self, name: str, password: Secret, *, language: str = "English") -> None:
        """Make a wallet and open it. Raises WalletExists.

        Wallets made here look 200 subaddresses of 50 accounts ahead, which makes the key exchange
        slow; ``processes.create_wallet_with_cli`` makes leaner ones.
        """
        self._call(
            "create_wallet", heavy=True, filename=name, password=password.reveal(),
            language=language,
        )  # fmt: skip

    def open_wallet(self, name: str, password: Secret) -> None:
        """Open a wallet, saving the one open before. Raises WalletCannotOpen.

        After a failure the wallet open before may still be open, and a success says nothing
        about which keys are in the file: compare ``get_address`` each time. Nor does it refresh:
        do that until ``get_height`` equals the node's before any import, describe or sign.
        """
        self._call("open_wallet", heavy=True, filename=name, password=password.reveal())

    def close_wallet(self) -> None:
        """Save and close the open wallet. Raises NoWalletOpen."""
        self._call("close_wallet", heavy=True)

    def store(self) -> None:
        """Save the open wallet; the daemon doesn't fsync. Raises NoWalletOpen."""
        self._call("store", heavy=True)

    # What the wallet is and sees

    def get_address(self) -> str:
        """The primary address; of a multisig wallet only final once the key exchange is."""
        return self._call("get_address", account_index=0).text("address")

    def get_height(self) -> int:
        """How many blocks the wallet has scanned."""
        return self._call("get_height").amount("height")

    def refresh(self, *, start_height: int | None = None) -> Refreshed:
        """Scan new blocks and the pool. Raises DaemonUnreachable.

        Asks twice: wallet-rpc notices only at the first call that its node let go of the
        connection, answers -38, and connects at the second.
        """
        params: dict[str, object] = {} if start_height is None else {"start_height": start_height}
        try:
            answer = self._ask("refresh", params, heavy=True)
        except DaemonUnreachable:
            answer = self._ask("refresh", params, heavy=True)
        return Refreshed(answer.amount("blocks_fetched"), answer.flag("received_money"))

    def auto_refresh(self, *, enable: bool) -> None:
        """Let the process refresh by itself or not; it does until told otherwise, each open."""
        self._call("auto_refresh", enable=enable)

    def is_multisig(self) -> MultisigStatus:
        """Whether the open wallet is multisig, and ready."""
        return MultisigStatus.read(self._call("is_multisig"))

    def get_balance(self) -> Balance:
        """What the primary account holds."""
        return Balance.read(self._call("get_balance", account_index=0))

    def get_transfers(self, *, min_height: int | None = None) -> Transfers:
        """Everything the wallet knows of; with ``min_height`` only what is mined above it.

        Raises DaemonUnreachable: the wallet asks its node for the pool.
        """
        params: dict[str, object] = dict.fromkeys(("in", "out", "pending", "failed", "pool"), True)
        if min_height is not None:
            params |= {"filter_by_height": True, "min_height": min_height}
        return Transfers.read(self._ask("get_transfers", params, heavy=True))

    def get_transfer_by_txid(self, txid: str) -> tuple[Transfer, ...]:
        """The wallet's entries for one transaction; a payment to oneself has two."""
        answer = self._call("get_transfer_by_txid", txid=txid)
        return tuple(Transfer.read(entry) for entry in answer.parts("transfers"))

    def incoming_transfers(self, kind: str = "all") -> tuple[Output, ...]:
        """The wallet's outputs; ``kind`` is all, available or unavailable (spent)."""
        answer = self._call("incoming_transfers", transfer_type=kind)
        return tuple(Output.read(entry) for entry in answer.parts("transfers"))

    def describe_transfer(self, txset: str) -> Description:
        """What a multisig transaction set would do, as this wallet reads it. Raises BadTxset."""
        return Description.read(self._call("describe_transfer", heavy=True, multisig_txset=txset))

    def validate_address(self, address: str) -> CheckedAddress:
        """The wallet's own opinion of an address of its network."""
        answer = self._call("validate_address", address=address, any_net_type=False)
        return CheckedAddress(
            valid=answer.flag("valid"),
            integrated=answer.flag("integrated", False),
            subaddress=answer.flag("subaddress", False),
            nettype=answer.text("nettype", ""),
        )

    def _call(self, method: str, *, heavy: bool = False, **params: object) -> Answer:
        return self._ask(method, params, heavy=heavy)

    def _ask(self, method: str, params: dict[str, object], *, heavy: bool) -> Answer:
        """Every call passes here: a subclass may look first."""
        return self._channel.call(method, params, heavy=heavy)
