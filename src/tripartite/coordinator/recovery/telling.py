"""Who hears what about an escrow that doesn't move. Pure.

The texts go to people by many roads, some of them public: they hold no amount, address or key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tripartite.coordinator.events.log import ADMINS, EventType, NewEvent
from tripartite.domain.deadlines import Stage
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import Record

_ACTIONS: Final = {
    "accept_terms": "Read the proposal, then accept or cancel it.",
    "sign_terms": "Bring your agent online: it has to sign the terms.",
    "key_exchange": "Bring your agent and its wallet online: the key exchange waits for them.",
    "move": "Sign the move of the money to the new arbiter's escrow: tripartite agent move.",
    "deposit": "Pay the deposit and keep your agent online, or call the escrow off.",
    "export_info": "Bring your agent and its wallet online: they have to sync for the payout.",
    "build_payout": "Bring your agent and its wallet online: they have to sign the payout.",
    "cosign_payout": "Bring your agent and its wallet online: they have to sign the payout.",
    "release": "Release the money if you have what you paid for, or open a dispute.",
    "rule": "Read what was said and rule on the dispute.",
}
"""By the name of the step that is waited for (``protocol.next_step``)."""

_ON_ITS_WAY: Final = (
    "Keep your agent online: the payout was sent, and the network hasn't confirmed it yet."
)
SUGGESTIONS: Final = (
    "Look whether the agents of those waited for are online.",
    "Retry the transaction: the chain is asked first, then what was signed is sent again.",
    "Contact the arbiter.",
    "Escalate to a panel of arbiters: it recommends, and moves no money.",
)


def action_required(record: Record, role: Role) -> str:
    """What the party in ``role`` reads: its own next act, or whom it waits for."""
    waited_for = waiting_on(record)
    for who, what in waited_for:
        if who is role:
            return _ACTIONS.get(what, f"Bring your agent online: {what} waits for you.")
    if not waited_for:
        return _ON_ITS_WAY
    names = " and ".join(f"the {who.value}" for who, _ in waited_for)
    return f"Nothing to do for you: this waits for {names}."


def alarm(
    record: Record, accounts: Mapping[Role, int], *, stage: Stage, hours: int
) -> list[NewEvent]:
    """The events of one stage: one for each party, in its own words; from CRITICAL on the admins'.

    ``accounts`` are the parties' account ids.
    """
    told = [
        _stuck(record, stage=stage, hours=hours, action=action_required(record, role), to=account)
        for role, account in accounts.items()
    ]
    if stage is Stage.CRITICAL:
        waited = ", ".join(f"{who.value}: {what}" for who, what in waiting_on(record))
        action = f"Waited for: {waited or 'the network'}."
        told.append(_stuck(record, stage=stage, hours=hours, action=action, to=ADMINS))
    if stage is Stage.RECOVERY:
        told.append(
            NewEvent(
                EventType.MANUAL_RECOVERY_REQUIRED,
                record.escrow_id,
                {
                    "original_status": record.state.value,
                    "hours_stuck": hours,
                    **{f"{role.value}_id": account for role, account in accounts.items()},
                    "amount_atomic": str(record.agreement.terms.amount),
                    "multisig_address": record.address,
                    "suggested_actions": list(SUGGESTIONS),
                },
                account_id=ADMINS,
            )
        )
    return told


def case_closed(record: Record, *, was: str) -> list[NewEvent]:
    """A recovery case ended because the escrow moved: for the parties, and for the admins."""
    facts = {"original_status": was, "status": record.state.value}
    return [
        NewEvent(EventType.RECOVERY_CASE_CLOSED, record.escrow_id, facts, account_id=to)
        for to in (None, ADMINS)
    ]


def _stuck(record: Record, *, stage: Stage, hours: int, action: str, to: int) -> NewEvent:
    return NewEvent(
        EventType.TRANSACTION_STUCK,
        record.escrow_id,
        {
            "status": record.state.value,
            "hours_stuck": hours,
            "stage": int(stage),
            "action_required": action,
        },
        account_id=to,
    )
