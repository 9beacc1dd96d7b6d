"""The calls of a wallet-rpc that make keys, transactions and signatures.

Only an agent may import this module (import-linter holds it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tripartite.domain.secrets import Secret
from tripartite.monero.answers import Answer
from tripartite.monero.wallet_results import Recipient
from tripartite.monero.wallet_rpc import WalletRpc


@dataclass(frozen=True, slots=True)
class ExchangeStep:
    """What a key-exchange call gave: a message for the others, empty after the last round.

    ``address`` is a placeholder until the wallet is ready: never publish it before.
    """

    message: str = field(repr=False)
    address: str


@dataclass(frozen=True, slots=True)
class Built:
    """Transactions that a wallet built; one entry per transaction in each tuple.

    A multisig wallet gives ``txset`` (hex) for the next signer and no ids; an ordinary wallet
    gives ``txids``, and ``blobs`` (hex) when asked. Amounts are piconero; ``amounts`` is what
    the recipients get.
    """

    txset: str = field(repr=False)
    txids: tuple[str, ...]
    amounts: tuple[int, ...]
    fees: tuple[int, ...]
    weights: tuple[int, ...]
    key_images: tuple[tuple[str, ...], ...]
    blobs: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """A set with this wallet's signature. ``txids`` is empty while more signers are needed."""

    txset: str = field(repr=False)
    txids: tuple[str, ...]


class SigningWallet(WalletRpc):
    """A wallet-rpc that may be asked to make keys and to sign."""

    METHODS: ClassVar[frozenset[str]] = WalletRpc.METHODS | frozenset(
        {
            "exchange_multisig_keys", "export_multisig_info", "import_multisig_info",
            "make_multisig", "prepare_multisig", "sign_multisig", "submit_multisig", "sweep_all",
            "transfer",
        }
    )  # fmt: skip

    # Key exchange

    def prepare_multisig(self) -> Secret:
        """The first message; it carries a share of the private view key.

        Each call gives another, and each of them works. Raises WalletAlreadyMultisig.
        """
        answer = self._call("prepare_multisig", heavy=True, enable_multisig_experimental=True)
        return Secret(answer.text("multisig_info"))

    def make_multisig(
        self, messages: Sequence[Secret], password: Secret, *, threshold: int = 2
    ) -> ExchangeStep:
        """Turn the open wallet into a multisig one with the others' first messages.

        Can't be undone, and the daemon doesn't check ``password``: a wrong one re-encrypts the
        wallet with it. Must follow ``prepare_multisig`` without closing the wallet between.
        Raises WalletAlreadyMultisig, KeyExchangeBadMessage, ExperimentalFlagLost.
        """
        answer = self._call(
            "make_multisig",
            heavy=True,
            multisig_info=[message.reveal() for message in messages],
            threshold=threshold,
            password=password.reveal(),
        )
        return _exchange_step(answer)

    def exchange_multisig_keys(self, messages: Sequence[str], password: Secret) -> ExchangeStep:
        """Take in the others' messages of the current round; a refusal changes nothing.

        ``store`` right after it: a process killed before leaves a wallet that won't open.
        Raises KeyExchangeWrongRound, KeyExchangeBadMessage, KeyExchangeTooFew,
        KeyExchangeFinished.
        """
        answer = self._call(
            "exchange_multisig_keys",
            heavy=True,
            multisig_info=list(messages),
            password=password.reveal(),
        )
        return _exchange_step(answer)

    # Signing

    def export_multisig_info(self) -> str:
        """Info (hex) for the co-signer, good for one signature; voids the one before.

        ``store`` before it leaves. Raises WalletNotReady.
        """
        return self._call("export_multisig_info", heavy=True).text("info")

    def import_multisig_info(self, infos: Sequence[str]) -> int:
        """Take in co-signers' info; the number of outputs it covers, least over the senders.

        Stale info is taken without error and fails only when signing. Raises BadMultisigInfo,
        MultisigInfoTooFew.
        """
        answer = self._call("import_multisig_info", heavy=True, info=list(infos))
        return answer.amount("n_outputs")

    def transfer(
        self,
        recipients: Sequence[Recipient],
        *,
        priority: int = 0,
        unlock_time: int = 0,
        do_not_relay: bool = False,
        get_tx_hex: bool = False,
    ) -> Built:
        """Build one transaction; an ordinary wallet also sends it unless ``do_not_relay``.

        Raises NothingUnlocked, NotEnoughMoney, PaymentRejected, DaemonUnreachable.
        """
        answer = self._call(
            "transfer",
            heavy=True,
            destinations=[{"address": one.address, "amount": one.amount} for one in recipients],
            account_index=0,
            priority=priority,
            unlock_time=unlock_time,
            do_not_relay=do_not_relay,
            get_tx_hex=get_tx_hex,
        )
        txid, blob = answer.text("tx_hash", ""), answer.text("tx_blob", "")
        return Built(
            txset=answer.text("multisig_txset", ""),
            txids=(txid,) if txid else (),
            amounts=(answer.amount("amount"),),
            fees=(answer.amount("fee"),),
            weights=(answer.amount("weight"),),
            key_images=(answer.part("spent_key_images").texts("key_images"),),
            blobs=(blob,) if blob else (),
        )

    def sweep_all(
        self,
        address: str,
        *,
        priority: int = 0,
        do_not_relay: bool = False,
        get_tx_hex: bool = False,
    ) -> Built:
        """Build what pays everything unlocked to one address.

        Raises NothingUnlocked, PaymentRejected, DaemonUnreachable.
        """
        answer = self._call(
            "sweep_all",
            heavy=True,
            address=address,
            account_index=0,
            priority=priority,
            do_not_relay=do_not_relay,
            get_tx_hex=get_tx_hex,
        )
        return Built(
            txset=answer.text("multisig_txset", ""),
            txids=answer.texts("tx_hash_list"),
            amounts=answer.amounts("amount_list"),
            fees=answer.amounts("fee_list"),
            weights=answer.amounts("weight_list"),
            key_images=tuple(
                one.texts("key_images") for one in answer.parts("spent_key_images_list")
            ),
            blobs=answer.texts("tx_blob_list"),
        )

    def sign_multisig(self, txset: str) -> Signed:
        """Add this wallet's signature. Describe and check the set first.

        ``store`` before the result leaves: a process killed between would sign another
        transaction with the same nonces, which can leak the key. Raises StaleMultisigData,
        AlreadySigned, SigningFailed, BadTxset.
        """
        answer = self._call("sign_multisig", heavy=True, tx_data_hex=txset)
        return Signed(answer.text("tx_data_hex"), answer.texts("tx_hash_list"))

    def submit_multisig(self, txset: str) -> tuple[str, ...]:
        """Send a fully signed set; the transaction ids. The same set again is fine.

        Raises NotEnoughSigners, SubmitRejected, BadTxset.
        """
        answer = self._call("submit_multisig", heavy=True, tx_data_hex=txset)
        return answer.texts("tx_hash_list")


def _exchange_step(answer: Answer) -> ExchangeStep:
    return ExchangeStep(answer.text("multisig_info", ""), answer.text("address", ""))
