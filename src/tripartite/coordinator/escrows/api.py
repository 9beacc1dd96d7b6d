"""Propose an escrow, list them, look at one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from tripartite.coordinator.accounts.gates import let_propose
from tripartite.coordinator.answering import as_it_is
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.escrows import summary
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.relay import posting
from tripartite.coordinator.schemas import Body
from tripartite.domain.lifecycle import State

router = Router(tags=["escrows"])


class Proposal(Body):
    """A ``propose`` envelope: a compact JWS."""

    envelope: str


class EscrowOpened(Body):
    """Where the proposal went."""

    escrow_id: str
    position: int
    state: str


class AgentSeen(Body):
    """Whether an agent is online, and since when it is or isn't."""

    online: bool
    since: datetime


class Party(Body):
    """Who holds a role; ``agent`` is null until theirs was first heard of."""

    account: str
    fingerprint: str
    agent: AgentSeen | None


class Waiting(Body):
    """Whose turn it is, and what for."""

    role: str
    what: str


class PayoutShown(Body):
    """The payout transaction, as the coordinator's own node sees it.

    ``elsewhere``: what was announced spends something else than this escrow's money, and ends
    nothing.
    """

    txid: str
    confirmations: int
    required: int
    height: int | None
    elsewhere: bool
    looked_at: datetime | None


class Report(Body):
    """One party's word about the deposit; amounts are piconero as text."""

    confirmed: str
    pending: str
    locked: str
    height: int


class OfferShown(Body):
    """A split that one trader offers: the vendor's share of the agreed amount, piconero as text.

    Or a move of everything to the escrow named in ``moves_to``.
    """

    by: str
    vendor_share: str | None
    moves_to: str | None


class DisputeShown(Body):
    """That, by whom and when the arbiter was called; what about is sealed."""

    opened_by: str
    opened_at: datetime | None


class Summary(Body):
    """One escrow at a glance; amounts are piconero as text.

    ``status`` is the state, with ``_recovery_needed`` once a person has to take up its payout.
    ``succeeds`` is the escrow whose money is to be moved into this one, ``moves_to`` the one that
    this one's money goes to, both null for an escrow that keeps its arbiter.
    """

    escrow_id: str
    contract_id: str | None
    state: str
    status: str
    role: str
    parties: dict[str, Party]
    network: str
    amount: str
    attempt: int
    address: str | None
    deposit: dict[str, Report]
    deposit_missing: str
    deposit_surplus: str
    offers: list[OfferShown]
    dispute: DisputeShown | None
    payout: PayoutShown | None
    succeeds: str | None
    moves_to: str | None
    waiting_on: list[Waiting]
    version: int
    created_at: datetime
    changed_at: datetime


class Summaries(Body):
    """One page; ``next`` goes into ``after`` of the following request."""

    escrows: list[Summary]
    next: str | None


class Wanted(Body):
    """Which page."""

    state: State | None = None
    after: Annotated[str, Field(max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=summary.PAGE)] = summary.PAGE


@router.post("", response={200: EscrowOpened, 201: EscrowOpened})
def propose(request: ApiRequest, body: Proposal) -> Status[object]:
    """Open an escrow with its signed proposal. The same proposal again gives 200."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return Status(*answer)

    def shown(posted: posting.Posted) -> dict[str, str | int | None]:
        return {
            "escrow_id": posted.escrow_id,
            "position": posted.position,
            "state": posted.state,
        }

    let_propose(request, request.auth)
    posted = posting.propose(
        request.auth,
        body.envelope,
        network=settings.COORDINATOR.network,
        limits=settings.COORDINATOR.limits,
        remember=lambda stored: this.remember(201, shown(stored)),
    )
    return Status(201 if posted.fresh else 200, shown(posted))


@router.get("", response=Summaries)
def list_escrows(request: ApiRequest, wanted: Query[Wanted]) -> HttpResponse:
    """The caller's escrows, the newest first."""
    page = summary.summaries(
        request.auth.account_id,
        state=wanted.state,
        after=wanted.after,
        limit=wanted.limit,
        required=settings.COORDINATOR.confirmations,
    )
    return as_it_is({"escrows": page.summaries, "next": page.next})


@router.get("/{escrow_id}", response=Summary)
def show_escrow(request: ApiRequest, escrow_id: str) -> HttpResponse:
    """One escrow of the caller."""
    return as_it_is(
        summary.summary(
            request.auth.account_id, escrow_id, required=settings.COORDINATOR.confirmations
        )
    )
