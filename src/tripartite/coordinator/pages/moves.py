"""What a reader can decide now, and how: by a page of their own agent, or by a command.

The coordinator's pages lead to the agent, and never stand in for it. Only where the operator runs a
party's agent, with a wallet that it registered, its clicks here are its decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.asking import title_of
from tripartite.coordinator.pages.wording import Text
from tripartite.coordinator.wallets.words import Click, open_clicks
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import asked_of, must_accept, open_verbs
from tripartite.protocol.record import Record

_SHORT_ID: Final = 12
"""An id's first characters: what the command line takes for the whole."""

_ARGUMENTS: Final[Mapping[str, str]] = {
    "settle": " --vendor-share …",
    "dispute": " --reason …",
    "rule": " --vendor-percent …",
}
_WHERE_PAID: Final[Mapping[Role, str]] = {
    Role.BUYER: " --refund-address …",
    Role.VENDOR: " --payout-address …",
    Role.ARBITER: " --payout-address …",
}


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to decide. ``is_asked``: the escrow wants it of this reader, so it stands out.

    ``path`` leads to it: on the agent's page, or, without a ``command``, here.
    """

    label: Text
    path: str
    command: str
    is_asked: bool


def moves(record: Record, role: Role) -> tuple[Move, ...]:
    """Everything but accepting the terms, in the lifecycle's order."""
    escrow_id = record.agreement.terms.escrow_id
    asked = asked_of(record, role)
    return tuple(
        Move(
            label=wording.VERBS[verb],
            path=f"/escrow/{escrow_id}/{verb}",
            command=_command(verb, escrow_id, _ARGUMENTS.get(verb, "")),
            is_asked=verb in asked,
        )
        for verb in open_verbs(record, role)
    )


def attached_moves(
    record: Record,
    role: Role,
    *,
    successor: Record | None = None,
    predecessor: Record | None = None,
) -> tuple[Move, ...]:
    """What a party can decide here whose agent the operator runs: accepting the terms as well.

    ``successor`` waits for the money of this escrow, and this one for that of its ``predecessor``:
    a move is decided where the money is. Another arbiter is proposed elsewhere on the page.
    """
    asked = {"accept", "agree", "move", *asked_of(record, role)}
    rows = [(record, click) for click in open_clicks(record, role, successor)]
    if predecessor is not None and Click.MOVE in open_clicks(predecessor, role, record):
        rows.insert(0, (predecessor, Click.MOVE))
    return tuple(
        Move(
            label=title_of(one, role, click),
            path=where_to_decide(one.escrow_id, click),
            command="",
            is_asked=click.value in asked,
        )
        for one, click in rows
        if click is not Click.REPLACE
    )


def where_to_decide(escrow_id: str, click: Click) -> str:
    """The page on which an attached party decides this."""
    return reverse("decide", kwargs={"escrow_id": escrow_id, "verb": click.value})


def accepting(record: Record, role: Role) -> Move | None:
    """Where to read and accept the terms; None once this reader has, or when it is over."""
    if not must_accept(record, role):
        return None
    escrow_id = record.agreement.terms.escrow_id
    return Move(
        label=_("Read and decide on your agent"),
        path=f"/escrow/{escrow_id}",
        command=_command("accept", escrow_id, _WHERE_PAID[role]),
        is_asked=True,
    )


def _command(verb: str, escrow_id: str, arguments: str) -> str:
    return f"tripartite agent {verb} {escrow_id[:_SHORT_ID]}{arguments}"
