"""What each kind of message does to the record, and what it must keep to.

One function per kind, in the chapters of an escrow's life. Whether the moment is right is always
looked up in the lifecycle: a message either makes a step, or works toward one that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.domain.key_exchange import SECRET_ROUNDS, Round
from tripartite.protocol.envelope import Kind, Message
from tripartite.protocol.record import (
    PAYOUT_BROADCAST_ROUND,
    PAYOUT_INFO_ROUND,
    PAYOUT_TXSET_ROUND,
    Record,
)
from tripartite.protocol.rules import agreeing, deciding, depositing, keying, paying
from tripartite.protocol.rules.turns import Applied, OutOfRound


class WrongContract(Refused):
    """This message is about other terms than those on record."""

    code: ClassVar[str] = "wrong_contract"


def apply(record: Record, message: Message) -> Applied:
    """The record after ``message`` (whose signature and chain are checked), and the steps made.

    Raises:
        Refused: not now, not by this party, or not in this form (the leaf says why).
        Tampered: it contradicts what the others attested.
    """
    before_contract = message.kind in (Kind.PROPOSE, Kind.ACCEPT)
    if message.contract_id != (None if before_contract else record.contract_id):
        raise WrongContract("The message must name the contract on record, or none before it is.")
    rounds = _ROUNDS.get(message.kind)
    if rounds is None and (message.attempt, message.round) != (0, 0):
        raise OutOfRound(f"A {message.kind.value} message has no attempt and no round.")
    if rounds is not None and message.round not in rounds:
        raise OutOfRound(f"A {message.kind.value} message can't be of round {message.round}.")
    return _RULES[message.kind](record, message)


_Rule = Callable[[Record, Message], Applied]

_RULES: Final[Mapping[Kind, _Rule]] = {
    Kind.PROPOSE: agreeing.propose,
    Kind.ACCEPT: agreeing.accept,
    Kind.SIGN_TERMS: agreeing.sign_terms,
    Kind.CANCEL: agreeing.cancel,
    Kind.KEY_EXCHANGE: keying.key_exchange,
    Kind.ATTEST: keying.attest,
    Kind.KEY_EXCHANGE_RESTART: keying.key_exchange_restart,
    Kind.DEPOSIT_REPORT: depositing.deposit_report,
    Kind.RELEASE: deciding.release,
    Kind.REFUND: deciding.refund,
    Kind.SETTLEMENT_OFFER: deciding.settlement_offer,
    Kind.SETTLEMENT_ACCEPT: deciding.settlement_accept,
    Kind.DISPUTE: deciding.dispute,
    Kind.STATEMENT: deciding.argue,
    Kind.EVIDENCE: deciding.argue,
    Kind.RULING: deciding.ruling,
    Kind.PAYOUT_INFO: paying.payout_info,
    Kind.PAYOUT_TXSET: paying.payout_txset,
    Kind.PAYOUT_BROADCAST: paying.payout_broadcast,
    Kind.PAYOUT_RESTART: paying.payout_restart,
    Kind.PAYOUT_SEEN: paying.payout_seen,
}

_ROUNDS: Final[Mapping[Kind, tuple[int, ...]]] = {
    Kind.KEY_EXCHANGE: SECRET_ROUNDS,
    Kind.ATTEST: (Round.ATTEST,),
    Kind.KEY_EXCHANGE_RESTART: (0,),
    Kind.PAYOUT_INFO: (PAYOUT_INFO_ROUND,),
    Kind.PAYOUT_TXSET: (PAYOUT_TXSET_ROUND,),
    Kind.PAYOUT_BROADCAST: (PAYOUT_BROADCAST_ROUND,),
    Kind.PAYOUT_RESTART: (0,),
}
"""The rounds a kind may name; kinds not listed have neither attempt nor round."""
