"""Whether this agent's own journal and wallet bear out that money may be moved to a successor.

Nothing here rests on another's word: both records are judged anew from signed messages, the sealed
parts are opened by the own key, and the address is the one that the own wallet showed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tripartite.agent.consent import EscrowUnknownHere, verified_record
from tripartite.agent.desk import opened_details
from tripartite.agent.journal import Journal, StoredCase
from tripartite.agent.wallet_book import WalletBook
from tripartite.domain.errors import Tampered
from tripartite.domain.succession import check_same_details
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import Record, Successor
from tripartite.protocol.succession import (
    SuccessorNotReady,
    ready_successor,
    require_succession,
)


class MoveElsewhere(Tampered):
    """The money would be moved to an address that isn't the new escrow's."""

    code: ClassVar[str] = "move_elsewhere"


@dataclass(frozen=True, slots=True)
class Destination:
    """A successor that money may be moved to: as this journal has it, and judged anew."""

    case: StoredCase
    record: Record
    successor: Successor


def find_successor(journal: Journal, identity: Identity, old: Record) -> Destination:
    """The escrow that is ready to take over the money of ``old``; the latest changed of several.

    Raises ``EscrowUnknownHere``, ``SuccessorNotReady``, and as ``require_destination``.
    """
    found = [
        case
        for case in journal.cases()
        if (named := case.record.agreement.terms.succeeds) is not None
        and named.escrow_id == old.escrow_id
    ]
    if not found:
        raise EscrowUnknownHere(
            "No escrow that succeeds this one is known here: propose one with "
            "`tripartite agent replace-arbiter`."
        )
    refused: SuccessorNotReady | None = None
    for case in found:
        try:
            successor = ready_successor(verified_record(journal, case.escrow_id))
        except SuccessorNotReady as error:
            refused = refused or error
            continue
        return require_destination(journal, identity, old, successor)
    assert refused is not None
    raise refused


def require_destination(
    journal: Journal, identity: Identity, old: Record, successor: Successor
) -> Destination:
    """Return only if all the money of ``old`` may go to ``successor``.

    Raises ``MoveElsewhere``, ``SuccessorNotReady``, ``SuccessorDiffers``, ``NothingToMove``,
    ``EscrowUnknownHere``, and what judging a record or opening details raises.
    """
    case = journal.case(successor.escrow_id)
    if case is None:
        raise EscrowUnknownHere("This agent takes no part in the escrow that it would be moved to.")
    if case.frozen is not None:
        raise SuccessorNotReady(f"This agent has stopped there because of {case.frozen.code}.")
    new = verified_record(journal, successor.escrow_id)
    ready = ready_successor(new)
    require_succession(old, new.agreement)
    check_same_details(
        opened_details(journal, identity, old), opened_details(journal, identity, new)
    )
    own = WalletBook(journal, run_id="").address(new.escrow_id, new.attempt)
    if successor != ready or ready.address != own:
        raise MoveElsewhere(
            "Nothing was signed. The address that this agent's own wallet shows for the new escrow "
            "is another one: ask the other trader, by another way, what happened.",
            escrow=successor.escrow_id,
        )
    return Destination(case, new, ready)


def require_sound(journal: Journal, new: Agreement) -> Record | None:
    """The record of the escrow that ``new`` succeeds, if this agent takes part in it.

    None for an escrow that succeeds none, and for a new arbiter, to whom the old one is unknown.
    Raises as ``require_succession``.
    """
    if new.terms.succeeds is None or journal.case(new.terms.succeeds.escrow_id) is None:
        return None
    old = verified_record(journal, new.terms.succeeds.escrow_id)
    require_succession(old, new)
    return old
