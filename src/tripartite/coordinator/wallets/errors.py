"""Why a wallet RPC can't be registered, or a click not be taken."""

from __future__ import annotations

from typing import ClassVar

from tripartite.domain.errors import Refused, Unavailable


class EscrowNotYours(Refused):
    """Your account takes no part in this escrow."""

    code: ClassVar[str] = "escrow_not_yours"


class IdentityNotAttached(Refused):
    """The operator doesn't hold your identity key."""

    code: ClassVar[str] = "identity_not_attached"


class IdentityHeldElsewhere(Refused):
    """Your identity key is held by an agent of your own."""

    code: ClassVar[str] = "identity_held_elsewhere"


class WalletRpcAlreadyRegistered(Refused):
    """A wallet RPC is registered for this escrow and role already."""

    code: ClassVar[str] = "wallet_rpc_already_registered"


class RegistrationUnderWay(Refused):
    """A registration for this escrow and role is under way."""

    code: ClassVar[str] = "registration_under_way"


class RegistrationTooLate(Refused):
    """The escrow's wallets are made already, or it is over."""

    code: ClassVar[str] = "registration_too_late"


class CustodyGuarded(Refused):
    """This would put two of the three signers of one escrow in reach of one operator."""

    code: ClassVar[str] = "custody_guarded"


class OnionProxyMissing(Refused):
    """This coordinator reaches no onion names."""

    code: ClassVar[str] = "onion_proxy_missing"


class WalletRpcNotRegistered(Refused):
    """No wallet RPC is registered for your side of this escrow."""

    code: ClassVar[str] = "wallet_rpc_not_registered"


class WalletRpcUnreachable(Unavailable):
    """The wallet RPC can't be reached."""

    code: ClassVar[str] = "wallet_rpc_unreachable"


class WalletRpcUnreadable(Unavailable):
    """What answers there is no wallet RPC, or not one that works."""

    code: ClassVar[str] = "wallet_rpc_unreadable"


class WalletRpcLoginWrong(Refused):
    """The wallet RPC refuses that user and password."""

    code: ClassVar[str] = "wallet_rpc_login_wrong"


class WalletRpcOfAnotherNetwork(Refused):
    """The wallet RPC serves another Monero network."""

    code: ClassVar[str] = "wallet_rpc_of_another_network"


class WalletRpcTooOld(Refused):
    """The wallet RPC's version is too old to hold money with."""

    code: ClassVar[str] = "wallet_rpc_too_old"


class AttachPending(Unavailable):
    """The operator's attach process hasn't done this yet."""

    code: ClassVar[str] = "attach_pending"


class WordsMissing(Refused):
    """The click lacks what has to be said with it."""

    code: ClassVar[str] = "words_missing"


class OfferChanged(Refused):
    """What is on the table isn't what you agree to."""

    code: ClassVar[str] = "offer_changed"


class EvidenceTooLarge(Refused):
    """The file is too large to be shown through the coordinator."""

    code: ClassVar[str] = "evidence_too_large"


class DecisionUnderWay(Refused):
    """You have decided this already, and your agent hasn't said it yet."""

    code: ClassVar[str] = "decision_under_way"


class DecisionsPiledUp(Refused):
    """Too many of your decisions about this escrow wait for your agent."""

    code: ClassVar[str] = "decisions_piled_up"


class MappingHoldsMoney(Refused):
    """The mapping belongs to an escrow that may hold money."""

    code: ClassVar[str] = "mapping_holds_money"


FOUND_AT_THE_WALLET: tuple[type[Refused | Unavailable], ...] = (
    WalletRpcUnreachable,
    WalletRpcUnreadable,
    WalletRpcLoginWrong,
    WalletRpcOfAnotherNetwork,
    WalletRpcTooOld,
    RegistrationTooLate,
)
"""What an attach process may answer to a registration; kept by code until the caller is told."""
