"""Which versions of Monero's daemons we work with.

A daemon tells its release in words (``0.18.3.4-release``) or only the number of its interface.
Which release has which interface number was read from the source at tags v0.18.0.0 to
v0.18.5.1 (``WALLET_RPC_VERSION_MINOR``, ``CORE_RPC_VERSION_MINOR``), and so were the dates of the
fixes below, from the commits' first tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.domain.parties import Network
from tripartite.monero.monerod import NodeInfo, NodeVersion
from tripartite.monero.wallet_results import WalletVersion


class VersionTooOld(Refused):
    """That version of Monero is too old to hold money with."""

    code: ClassVar[str] = "monero_version_too_old"


class VersionUnreadable(Refused):
    """That is not a version of Monero."""

    code: ClassVar[str] = "monero_version_unreadable"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release of Monero, such as 0.18.3.4."""

    numbers: tuple[int, int, int, int]

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))


_VERSION: Final = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(-[\w.-]+)?")


def parse_version(text: str) -> Version:
    """From ``0.18.0.0-unknown``, ``v0.18.3.4-release`` or bare numbers.

    Raises VersionUnreadable.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise VersionUnreadable("A version reads like 0.18.3.4-release.")
    return Version((int(match[1]), int(match[2]), int(match[3]), int(match[4])))


# The oldest we run on a network without value; all answers in ``errors`` were measured on it.
OLDEST_FOR_TESTING: Final = Version((0, 18, 0, 0))
# A wallet that signs for real money has every fix below. The last one is why: before it, a crash
# after signing could make the wallet sign again with the same nonce, which can give the key away.
OLDEST_WALLET_FOR_MAINNET: Final = Version((0, 18, 5, 1))
# A node holds no keys. The first that turns away payments that would lock the money
# (nonzero_unlock_time in send_raw_transaction, pull request 9311).
OLDEST_NODE_FOR_MAINNET: Final = Version((0, 18, 3, 4))

# Interface number → first release that had it.
_NODE_RELEASES: Final = {
    (3, 10): Version((0, 18, 0, 0)),
    (3, 11): Version((0, 18, 1, 1)),
    (3, 12): Version((0, 18, 2, 1)),
    (3, 13): Version((0, 18, 3, 0)),
    (3, 14): Version((0, 18, 3, 4)),
    (3, 15): Version((0, 18, 4, 3)),
    (3, 16): Version((0, 18, 5, 1)),
}
_WALLET_RELEASES: Final = {
    (1, 25): Version((0, 18, 0, 0)),
    (1, 26): Version((0, 18, 1, 2)),
    (1, 27): Version((0, 18, 3, 2)),
    (1, 28): Version((0, 18, 4, 0)),
    (1, 29): Version((0, 18, 4, 1)),
    (1, 30): Version((0, 18, 5, 0)),
    (1, 31): Version((0, 18, 5, 1)),
}
# Fixed in → what was wrong before, by commit in monero-project/monero.
MULTISIG_FIXES: Final = (
    (Version((0, 18, 3, 0)), "a payout could use frozen outputs (dc24312bc)"),
    (Version((0, 18, 3, 2)), "key material was left in memory (fe47806af)"),
    (Version((0, 18, 4, 1)), "signing data went stale after a failed refresh (5550c0a87)"),
    (Version((0, 18, 5, 0)), "transaction sets were read with too few checks (2094d38c8)"),
    (Version((0, 18, 5, 1)), "a crash after signing could reuse a nonce (d6f0a4d21)"),
)


def open_weaknesses(release: Version) -> tuple[str, ...]:
    """What is known to be wrong with multisig in ``release`` and fixed in a later one."""
    return tuple(f"{what}, fixed in {fixed}" for fixed, what in MULTISIG_FIXES if release < fixed)


def least_release(version: WalletVersion | NodeVersion) -> Version | None:
    """The oldest release with that interface number; None if it is older than any we know.

    A number newer than any we know counts as the newest release we know.
    """
    table = _WALLET_RELEASES if isinstance(version, WalletVersion) else _NODE_RELEASES
    known = [number for number in table if number <= (version.major, version.minor)]
    return table[max(known)] if known else None


def oldest_wallet(network: Network) -> Version:
    """The oldest wallet-rpc that we sign with on ``network``."""
    return OLDEST_WALLET_FOR_MAINNET if network is Network.MAINNET else OLDEST_FOR_TESTING


def oldest_node(network: Network) -> Version:
    """The oldest monerod that we ask about ``network``."""
    return OLDEST_NODE_FOR_MAINNET if network is Network.MAINNET else OLDEST_FOR_TESTING


def require_supported_wallet(network: Network, version: WalletVersion) -> None:
    """Raises VersionTooOld unless this wallet-rpc may be used on ``network``."""
    oldest, release = oldest_wallet(network), least_release(version)
    if release is None or release < oldest:
        raise _too_old("monero-wallet-rpc", release, oldest, network)


def require_supported_node(network: Network, version: NodeVersion, info: NodeInfo) -> None:
    """Raises VersionTooOld unless this monerod may be used on ``network``.

    The interface number decides, since a restricted node hides its release; where the release
    is told too, it has to be new enough as well. Raises VersionUnreadable.
    """
    oldest, release = oldest_node(network), least_release(version)
    if release is None or release < oldest:
        raise _too_old("monerod", release, oldest, network)
    if info.version and parse_version(info.version) < oldest:
        raise _too_old("monerod", parse_version(info.version), oldest, network)


def _too_old(
    program: str, release: Version | None, oldest: Version, network: Network
) -> VersionTooOld:
    reasons = "; ".join(open_weaknesses(release or OLDEST_FOR_TESTING))
    return VersionTooOld(
        f"Install {program} {oldest} or newer for {network}. Known of the version that runs: "
        f"{reasons}.",
        program=program,
        oldest=str(oldest),
    )
