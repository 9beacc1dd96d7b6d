"""What a payout has to be, worked out by each signer alone from the signed terms.

Builder and co-signer both compute it, each from its own wallet's balance, so neither depends on
the other's numbers. Pure; all amounts are piconero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.addresses import AddressKind, parse_address
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import RULINGS, Event
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network
from tripartite.domain.settlement import (
    FeeRule,
    Recipient,
    Split,
    divide,
    net_of_fee,
    refund,
    release,
    ruling,
)

PRIORITY: Final = 2
"""Monero's "normal": four times the lowest fee, a fraction of a cent on mainnet.

A payout can't be hurried later: Monero replaces no transaction, and signing another one needs a
whole new round of nonces. So it must not be the first to wait when blocks are full. It is fixed,
because priority 0 lets the wallet choose and the co-signer could not foresee the fee.
"""

FEE_FACTOR: Final = 2
"""How far the fee may be from the co-signer's own estimate, up or down.

Two honest estimates differ by the change of the base fee between two blocks and by some bytes of
weight, which is a few per cent. The next lower or higher priority is a factor of four or more away.
"""

_FEE_CAPS: Final = {
    # 100 inputs at normal priority cost 0.006 XMR (80 nanonero per byte).
    Network.MAINNET: ATOMIC // 50,
    # A young chain has a large block reward, and its fees are some hundred times higher.
    Network.STAGENET: ATOMIC,
    Network.TESTNET: ATOMIC,
    Network.REGTEST: ATOMIC,
}


class PayoutPlanUnsound(Refused):
    """No payout can be made from these terms."""

    code: ClassVar[str] = "payout_plan_unsound"


class MoveFallsShort(Refused):
    """Less would arrive in the new escrow than its terms ask for."""

    code: ClassVar[str] = "move_falls_short"


@dataclass(frozen=True, slots=True)
class Move:
    """A payout of everything to the wallet of another escrow, where ``due`` piconero must arrive."""

    address: str
    due: int


@dataclass(frozen=True, slots=True)
class PayoutPlan:
    """What the signed terms and the signed decision ask for.

    ``event`` is the decision that is carried out. A settlement names the ``vendor_share`` of the
    agreed ``amount`` in piconero, or the ``move`` that leaves nobody a share; a ruling names the
    ``vendor_bps``. ``addresses`` holds the payout address of everybody who could be paid.
    ``key_images`` are those of the outputs that the builder says it spends, None before it has
    spoken. Raises PayoutPlanUnsound and the errors of ``parse_address``.
    """

    network: Network
    addresses: Mapping[Recipient, str]
    multisig_address: str
    amount: int
    fees: FeeRule
    event: Event
    vendor_share: int | None = None
    vendor_bps: int | None = None
    move: Move | None = None
    key_images: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that would make "who gets what" ambiguous."""
        texts = [self.multisig_address, *self.addresses.values()]
        if self.move is not None:
            texts.append(self.move.address)
        parsed = [parse_address(text, self.network) for text in texts]
        # By keys, not by text: an integrated address has another text than its plain form.
        if len({(one.spend_key, one.view_key) for one in parsed}) != len(parsed):
            raise PayoutPlanUnsound(
                "An address is named twice, or is the escrow's own: each payee needs its own."
            )
        if sum(one.kind is AddressKind.INTEGRATED for one in parsed) > 1:
            raise PayoutPlanUnsound("Monero carries one payment id in a transaction, not two.")
        named = (self.vendor_share is not None) + (self.move is not None)
        if named != (self.event is Event.SETTLEMENT_AGREED):
            raise PayoutPlanUnsound(
                "A settlement, and nothing else, names either the vendor's share or a move."
            )
        if (self.event in RULINGS) != (self.vendor_bps is not None):
            raise PayoutPlanUnsound("A ruling, and nothing else, names the vendor's basis points.")

    @property
    def names_payment_id(self) -> bool:
        """Whether somebody is paid at an integrated address."""
        return self.move is None and any(
            parse_address(text, self.network).kind is AddressKind.INTEGRATED
            for text in self.addresses.values()
        )

    def recipients(self, balance: int) -> int:
        """How many are paid out of ``balance``. Raises as ``gross``."""
        return 1 if self.move is not None else len(self.gross(balance).items())

    def gross(self, balance: int) -> Split:
        """Who gets how much of ``balance`` before the network fee.

        Raises PayoutPlanUnsound for an event that pays nobody, and the errors of
        ``domain.settlement``.
        """
        if self.event is Event.RELEASE_SIGNED:
            return release(self.amount, balance, self.fees)
        if self.event in (Event.REFUND_SIGNED, Event.DEPOSIT_ARRIVED_LATE):
            return refund(balance)
        if self.vendor_share is not None:
            return divide(self.amount, balance, self.fees, vendor_share=self.vendor_share)
        if self.vendor_bps is not None:
            return ruling(self.amount, balance, self.fees, vendor_bps=self.vendor_bps)
        raise PayoutPlanUnsound(f"{self.event.value} pays nobody.")


def expected(plan: PayoutPlan, balance: int, fee: int) -> dict[str, int]:
    """Address → piconero, for a wallet that holds ``balance`` and a network fee of ``fee``.

    The amounts add up to balance - fee; nobody is listed with 0. Raises the errors of
    ``PayoutPlan.gross`` and NetworkFeeAboveBalance, PayoutPlanUnsound for a payee without
    address, and MoveFallsShort.
    """
    if plan.move is not None:
        if balance - fee < plan.move.due:
            raise MoveFallsShort(
                f"{plan.move.due - balance + fee} piconero would be missing there. Wait for lower "
                "fees, or propose a successor with a smaller amount.",
                missing=plan.move.due - balance + fee,
            )
        return {plan.move.address: balance - fee}
    parts = net_of_fee(plan.gross(balance), fee, plan.fees.bearer).items()
    missing = [recipient.value for recipient, _ in parts if recipient not in plan.addresses]
    if missing:
        raise PayoutPlanUnsound(f"The payout address of {', '.join(missing)} is not known.")
    return {plan.addresses[recipient]: part for recipient, part in parts}


@dataclass(frozen=True, slots=True)
class FeeLimit:
    """The network fees that a signer accepts, in piconero, both ends included."""

    lowest: int
    highest: int


def fee_limit(network: Network, estimate: int) -> FeeLimit:
    """A factor of FEE_FACTOR around the signer's own ``estimate``, and below the network's cap."""
    return FeeLimit(
        lowest=estimate // FEE_FACTOR, highest=min(estimate * FEE_FACTOR, _FEE_CAPS[network])
    )


def estimate_fee(per_byte: int, mask: int, *, inputs: int, recipients: int) -> int:
    """The fee that a wallet will ask for, rounded up to a multiple of ``mask``, in piconero.

    ``per_byte`` is the node's for our priority. One output more than recipients is counted: a
    wallet reserves room for change, and pads a payment to one with a dummy.
    """
    weight = estimate_weight(inputs=inputs, outputs=recipients + 1)
    return -(-weight * per_byte // mask) * mask


def dust_threshold(per_byte: int) -> int:
    """Outputs below this, in piconero, cost more to spend than they hold: wallets leave them.

    ``wallet2::create_transactions_2`` does so by default (ignore_fractional_outputs), and would
    find too little money if we counted them. So nobody can block a payout by sending dust.
    """
    return per_byte * _INPUT_WEIGHT


_RING: Final = 16  # members per ring since hard fork 15 (HF_VERSION_MIN_MIXIN_15)
_INPUT_WEIGHT: Final = 1 + 6 + 2 * _RING + 32 + (32 * _RING + 64) + 32


def estimate_weight(*, inputs: int, outputs: int) -> int:
    """Bytes that a transaction counts for, by the wallet's own way of guessing it beforehand.

    The extra field isn't counted, as the wallet doesn't know it yet; other parts are counted at
    their largest, so that the true number is about the same.
    Sizes of the parts as in Monero's ``wallet2.cpp`` (``estimate_rct_tx_size`` with CLSAG,
    Bulletproofs+ and view tags) and the surcharge for more than two outputs as in
    ``estimate_tx_weight``.
    """
    log_padded = max(outputs - 1, 0).bit_length()
    proof = 32 * (6 + 2 * (6 + log_padded))
    per_output = 6 + 32 + 1 + 8 + 32
    size = 7 + inputs * _INPUT_WEIGHT + outputs * per_output + 1 + proof + 3 + 4
    if outputs <= 2:
        return size
    two_outputs = 32 * (6 + 7 * 2) // 2
    return size + ((two_outputs << log_padded) - proof) * 4 // 5
