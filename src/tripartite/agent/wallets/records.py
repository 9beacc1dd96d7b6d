"""What the pool is asked about, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from tripartite.domain.deposits import Output
from tripartite.domain.errors import Refused, Tampered, Unavailable
from tripartite.domain.secrets import Secret
from tripartite.monero.connection import Login

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")


class WalletNameInvalid(Refused):
    """That can't be the name of a wallet."""

    code: ClassVar[str] = "wallet_name_invalid"


class WalletInDoubt(Unavailable):
    """The answer to a step of the key exchange was lost.

    It can't be fetched again: throw the attempt away and start the next one with fresh wallets.
    """

    code: ClassVar[str] = "wallet_in_doubt"


class WalletBehind(Unavailable):
    """The wallet has not caught up with its node."""

    code: ClassVar[str] = "wallet_behind"


class CosignerBehind(Unavailable):
    """The co-signer's info doesn't cover all deposits."""

    code: ClassVar[str] = "cosigner_behind"


class MultisigInfoUnusable(Unavailable):
    """The wallet still lacks multisig info after the co-signer's was taken in."""

    code: ClassVar[str] = "multisig_info_unusable"


class RoundSpent(Refused):
    """The nonces of this payout round are used up, or may be.

    Using one twice can give the key away: export afresh and start the round again.
    """

    code: ClassVar[str] = "payout_round_spent"


class PayoutNotExact(Unavailable):
    """No fee was found at which the payout leaves nothing behind."""

    code: ClassVar[str] = "payout_not_exact"


class NotOneTransaction(Refused):
    """The wallet answered with another number of transactions than one."""

    code: ClassVar[str] = "payout_ids_unexpected"


class PayoutOvertaken(Refused):
    """The escrow's money has been spent by another transaction."""

    code: ClassVar[str] = "payout_overtaken"


class ExchangeMessagesUnsound(Refused):
    """The key-exchange messages can't be those of two other parties."""

    code: ClassVar[str] = "exchange_messages_unsound"


class NotTwoOfThree(Tampered):
    """The key exchange ended in another wallet than one of two out of three."""

    code: ClassVar[str] = "wallet_not_two_of_three"


class WrongWalletOpen(Tampered):
    """The open wallet is not the one that was asked for."""

    code: ClassVar[str] = "wrong_wallet_open"


class NodeOfWrongNetwork(Refused):
    """The node belongs to another network than the agent."""

    code: ClassVar[str] = "node_wrong_network"


class SlotsTaken(Unavailable):
    """No wallet-rpc has time just now for a look at this wallet."""

    code: ClassVar[str] = "wallet_slots_taken"


class PoolStopped(Unavailable):
    """The wallets are closed, or were never started."""

    code: ClassVar[str] = "wallet_pool_stopped"


@dataclass(frozen=True, slots=True)
class WalletRef:
    """One wallet file and its password. Raises WalletNameInvalid."""

    name: str
    password: Secret

    def __post_init__(self) -> None:
        """A name becomes a path, so it has none of a path's signs."""
        if _NAME.fullmatch(self.name) is None:
            raise WalletNameInvalid("Use 1 to 64 small letters, digits and hyphens.")


@dataclass(frozen=True, slots=True)
class Sighting:
    """The deposits that one wallet sees.

    ``height`` is the chain's number of blocks and ``timestamp`` its top block's time in Unix
    seconds: ``chain_height`` and ``now_unix`` of ``domain.deposits.tally``.
    """

    outputs: tuple[Output, ...]
    height: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class BuiltPayout:
    """A payout that lacks the co-signer's signature, and the key images of what it spends."""

    txset: str = field(repr=False)
    key_images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedPayout:
    """A payout with both signatures. Persist it before it is submitted.

    ``txset`` (hex) is what ``resubmit`` wants; ``tx_hex`` is the raw transaction, which anybody
    can send, or None while the node hasn't shown it. ``fee`` is in piconero.
    """

    txset: str = field(repr=False)
    txid: str
    fee: int
    tx_hex: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Node:
    """The Monero node that the wallets follow. ``proxy`` is ``ip:port`` of a SOCKS5 proxy.

    Trust it only if it is yours: an untrusted one isn't told which outputs are ours.
    """

    url: str
    login: Login | None = None
    proxy: str | None = None
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A wallet-rpc that somebody else runs. ``proxy`` is ``socks5h://host:port``."""

    url: str
    login: Login | None = None
    proxy: str | None = None
