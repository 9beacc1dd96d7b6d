"""What Monero's daemons answer when they refuse, in our error tree.

Refused
├── of the key exchange: WalletAlreadyMultisig, KeyExchangeFinished, KeyExchangeWrongRound,
│   KeyExchangeBadMessage, KeyExchangeTooFew, ExperimentalFlagLost, WalletNotMultisig,
│   WalletNotReady
├── of a wallet file: NoWalletOpen, WalletExists, WalletCannotOpen, WalletPasswordWrong,
│   WalletWatchOnly
├── of signing: StaleMultisigData, AlreadySigned, SigningFailed, NotEnoughSigners, BadTxset,
│   BadMultisigInfo, MultisigInfoTooFew, SubmitRejected
├── of paying: NotEnoughMoney, PaymentRejected
└── of the connection: WrongCredentials, RpcDenied, RpcMethodMissing, ProxyUnsuitable, RpcUrlInvalid
Unavailable
├── NothingUnlocked, DecoysMissing, DaemonUnreachable, DaemonBusy, DaemonNotOk
├── UnknownRpcError, RpcAnswerUnreadable, RpcUnreachable
└── RpcOutcomeUnknown: RpcTimedOut, RpcConnectionLost — the call may have been carried out

The table is that of measured answers of 0.18.0.0 (texts) and of
``src/wallet/wallet_rpc_server_error_codes.h`` (numbers). A daemon's own text is never repeated:
some of them contain addresses, amounts or file names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.errors import Refused, TripartiteError, Unavailable


class WalletAlreadyMultisig(Refused):
    """The wallet has been made multisig before."""

    code: ClassVar[str] = "wallet_already_multisig"


class KeyExchangeFinished(Refused):
    """The wallet's key exchange is complete."""

    code: ClassVar[str] = "key_exchange_finished"


class KeyExchangeWrongRound(Refused):
    """A key-exchange message belongs to another round."""

    code: ClassVar[str] = "key_exchange_wrong_round"


class KeyExchangeBadMessage(Refused):
    """The wallet refused a key-exchange message."""

    code: ClassVar[str] = "key_exchange_bad_message"


class KeyExchangeTooFew(Refused):
    """A key-exchange message is missing."""

    code: ClassVar[str] = "key_exchange_too_few"


class ExperimentalFlagLost(Refused):
    """The wallet forgot that multisig was enabled."""

    code: ClassVar[str] = "experimental_flag_lost"


class WalletNotMultisig(Refused):
    """The wallet is an ordinary one."""

    code: ClassVar[str] = "wallet_not_multisig"


class WalletNotReady(Refused):
    """The wallet's key exchange is not complete."""

    code: ClassVar[str] = "wallet_not_ready"


class NoWalletOpen(Refused):
    """No wallet is open."""

    code: ClassVar[str] = "no_wallet_open"


class WalletExists(Refused):
    """A wallet of that name exists."""

    code: ClassVar[str] = "wallet_exists"


class WalletCannotOpen(Refused):
    """The wallet can't be opened."""

    code: ClassVar[str] = "wallet_cannot_open"


class WalletPasswordWrong(Refused):
    """That is not the wallet's password."""

    code: ClassVar[str] = "wallet_password_wrong"


class WalletWatchOnly(Refused):
    """The wallet holds no spend key."""

    code: ClassVar[str] = "wallet_watch_only"


class StaleMultisigData(Refused):
    """The multisig info behind this transaction is used up."""

    code: ClassVar[str] = "stale_multisig_data"


class AlreadySigned(Refused):
    """This wallet has signed that transaction."""

    code: ClassVar[str] = "already_signed"


class SigningFailed(Refused):
    """The wallet could not sign."""

    code: ClassVar[str] = "signing_failed"


class NotEnoughSigners(Refused):
    """A signature is missing."""

    code: ClassVar[str] = "not_enough_signers"


class BadTxset(Refused):
    """The wallet can't read that transaction set."""

    code: ClassVar[str] = "bad_txset"


class BadMultisigInfo(Refused):
    """The wallet can't use that multisig info."""

    code: ClassVar[str] = "bad_multisig_info"


class MultisigInfoTooFew(Refused):
    """Multisig info of a co-signer is missing."""

    code: ClassVar[str] = "multisig_info_too_few"


class SubmitRejected(Refused):
    """The transaction was not accepted."""

    code: ClassVar[str] = "submit_rejected"


class NotEnoughMoney(Refused):
    """The wallet holds less than that."""

    code: ClassVar[str] = "not_enough_money"


class PaymentRejected(Refused):
    """The wallet refused the payment as asked."""

    code: ClassVar[str] = "payment_rejected"


class WrongCredentials(Refused):
    """The daemon refused our login."""

    code: ClassVar[str] = "rpc_wrong_credentials"


class RpcDenied(Refused):
    """The daemon doesn't allow that command."""

    code: ClassVar[str] = "rpc_denied"


class RpcMethodMissing(Refused):
    """The daemon doesn't know that command."""

    code: ClassVar[str] = "rpc_method_missing"


class MethodForbidden(Refused):
    """This client isn't made to call that method."""

    code: ClassVar[str] = "rpc_method_forbidden"


class ProxyUnsuitable(Refused):
    """That proxy could give away where we connect to."""

    code: ClassVar[str] = "rpc_proxy_unsuitable"


class RpcUrlInvalid(Refused):
    """That is not the address of a daemon."""

    code: ClassVar[str] = "rpc_url_invalid"


class NothingUnlocked(Unavailable):
    """None of the wallet's money can be spent yet."""

    code: ClassVar[str] = "nothing_unlocked"


class DecoysMissing(Unavailable):
    """The chain has too few outputs to hide a payment among."""

    code: ClassVar[str] = "decoys_missing"


class DaemonUnreachable(Unavailable):
    """The wallet can't reach its node."""

    code: ClassVar[str] = "daemon_unreachable"


class DaemonBusy(Unavailable):
    """The node is catching up with the chain."""

    code: ClassVar[str] = "daemon_busy"


class DaemonNotOk(Unavailable):
    """The node could not answer."""

    code: ClassVar[str] = "daemon_not_ok"


class UnknownRpcError(Unavailable):
    """The daemon gave an error we have not seen before.

    Unavailable, not Refused: an answer that we don't understand must not end anything for good.
    """

    code: ClassVar[str] = "rpc_unknown_error"


class RpcAnswerUnreadable(Unavailable):
    """The answer is not one of Monero's."""

    code: ClassVar[str] = "rpc_answer_unreadable"


class RpcUnreachable(Unavailable):
    """The daemon can't be reached; nothing was asked."""

    code: ClassVar[str] = "rpc_unreachable"


class RpcOutcomeUnknown(Unavailable):
    """The call was sent and no answer came; it may have been carried out."""


class RpcTimedOut(RpcOutcomeUnknown):
    """The answer took too long; the call may have been carried out."""

    code: ClassVar[str] = "rpc_timed_out"


class RpcConnectionLost(RpcOutcomeUnknown):
    """The connection broke before the answer; the call may have been carried out."""

    code: ClassVar[str] = "rpc_connection_lost"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: no methods and no text fit all."""

    number: int
    methods: frozenset[str]
    text: str
    leaf: type[TripartiteError]
    advice: str


_EXCHANGE: Final = frozenset({"make_multisig", "exchange_multisig_keys"})
_MULTISIG: Final = _EXCHANGE | {"prepare_multisig"}
_OPENING: Final = frozenset({"open_wallet"})
_INFO: Final = frozenset({"import_multisig_info"})
_TXSET: Final = frozenset({"sign_multisig", "describe_transfer", "submit_multisig"})
_PAYING: Final = frozenset({"transfer", "transfer_split", "sweep_all"})
_ANY: Final[frozenset[str]] = frozenset()

_RESTART: Final = "Start a new attempt with a fresh wallet."
_WAIT_NODE: Final = "Check that the wallet's node runs and is reachable, then try again."

# Read from the top; the first row that fits wins. Texts are compared without regard to case.
_TABLE: Final = (
    _Row(-28, _ANY, "finalized", KeyExchangeFinished, "Read is_multisig and go on from there."),
    _Row(-28, _ANY, "", WalletAlreadyMultisig, _RESTART),
    _Row(-1, _EXCHANGE, "expected kex round", KeyExchangeWrongRound,
         "Give the messages of the round that follows the last one in the journal."),
    _Row(-1, _EXCHANGE, "", KeyExchangeBadMessage,
         "Nothing changed in the wallet. Compare the messages with what each party signed."),
    _Row(-33, _EXCHANGE, "", KeyExchangeTooFew, "Wait for the messages of both other parties."),
    _Row(-33, _INFO, "", MultisigInfoTooFew, "Import the info of at least one co-signer."),
    _Row(-33, _ANY, "not enough signers", NotEnoughSigners,
         "Have a second party sign before submitting."),
    _Row(-48, _ANY, "", ExperimentalFlagLost,
         "Prepare and make must happen in one open session. " + _RESTART),
    _Row(-31, _ANY, "not yet finalized", WalletNotReady, "Finish the key exchange first."),
    _Row(-31, _ANY, "", WalletNotMultisig, "Open the escrow's wallet."),
    _Row(-13, _ANY, "", NoWalletOpen, "Open the wallet first."),
    _Row(-21, _ANY, "", WalletExists, "Choose another name; wallets are never overwritten."),
    _Row(-22, _ANY, "", WalletPasswordWrong, "Give the password the wallet was made with."),
    _Row(-1, _OPENING, "", WalletCannotOpen,
         "Check name and password. After a crash set the cache file aside, never the .keys file."),
    _Row(-29, _ANY, "", WalletWatchOnly, "Use a wallet that holds its keys."),
    _Row(-35, _ANY, "stale data", StaleMultisigData,
         "Throw this round away: export, import and propose afresh."),
    _Row(-35, _ANY, "already signed", AlreadySigned, "Let the other party sign it."),
    _Row(-35, _ANY, "", SigningFailed, "Throw this round away: export, import, propose afresh."),
    _Row(-34, _ANY, "", BadTxset,
         "Refresh until this wallet has seen the deposit, then ask for the set again."),
    _Row(-26, _INFO, "", BadMultisigInfo, "Ask the co-signer to send its info again."),
    _Row(-26, _TXSET, "", BadTxset, "Ask for the set again; it is not hexadecimal."),
    _Row(-1, _INFO, "", BadMultisigInfo, "Ask the co-signer to export again."),
    _Row(-30, _ANY, "", BadMultisigInfo, "Ask the co-signer to export again."),
    _Row(-36, _ANY, "", SubmitRejected,
         "Ask the node whether the inputs are spent: another payout may have come first."),
    _Row(-4, _ANY, "no unlocked balance", NothingUnlocked, "Wait for ten confirmations."),
    _Row(-37, _ANY, "", NothingUnlocked, "Wait for ten confirmations of every output."),
    _Row(-17, _ANY, "", NotEnoughMoney, "Ask for no more than the balance."),
    _Row(-16, _ANY, "", NotEnoughMoney, "Leave enough for the fee."),
    _Row(-19, _ANY, "", DecoysMissing, "Wait for more blocks."),
    _Row(-4, _ANY, "failed to get height", DaemonUnreachable, _WAIT_NODE),
    _Row(-4, _ANY, "no connection to daemon", DaemonUnreachable, _WAIT_NODE),
    _Row(-38, _ANY, "", DaemonUnreachable, _WAIT_NODE),
    # Measured: get_transfers without a node gives number 0 and no text at all.
    _Row(0, frozenset({"get_transfers"}), "", DaemonUnreachable, _WAIT_NODE),
    _Row(-3, _ANY, "", DaemonBusy, "Wait until the node has caught up."),
    _Row(-2, _PAYING, "", PaymentRejected, "Check the destination addresses."),
    _Row(-18, _PAYING, "", PaymentRejected, "Pay in several smaller transactions."),
    _Row(-20, _PAYING, "", PaymentRejected, "Give at least one destination."),
    _Row(-46, _PAYING, "", PaymentRejected, "Give each destination an amount above zero."),
    _Row(-50, _PAYING, "", PaymentRejected, "Use unlock_time 0: this version can't lock outputs."),
    _Row(-53, _PAYING, "", PaymentRejected, "Use a fee priority from 0 to 4."),
    _Row(-7, _ANY, "", RpcDenied, "Start the daemon without its restricted mode."),
    # JSON-RPC 2.0, section 5.1.
    _Row(-32601, _ANY, "", RpcMethodMissing,
         "Check that the address is the right daemon's, and the daemon's version."),
)  # fmt: skip


def error_of(method: str, number: int, message: str) -> TripartiteError:
    """Our error for the JSON-RPC error ``number`` with ``message`` that ``method`` gave.

    Its facts are ``method`` and ``number``. Anything not in the table is UnknownRpcError.
    """
    text = message.casefold()
    for row in _TABLE:
        if row.number == number and (not row.methods or method in row.methods) and row.text in text:
            return row.leaf(f"{method}: {row.advice}", method=method, number=number)
    return UnknownRpcError(
        f"{method} failed with number {number}. The daemon's own log says more.",
        method=method,
        number=number,
    )
