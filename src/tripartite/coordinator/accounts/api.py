"""Accounts, tokens, pairing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Status
from pydantic import Field

from tripartite.coordinator.accounts import gates, pairing, registration, tokens
from tripartite.coordinator.accounts.models import Account, ApiToken, PairedIdentity
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.schemas import Body, RowNumber
from tripartite.coordinator.storing import write_transaction
from tripartite.domain.errors import Refused
from tripartite.protocol.identity import PublicIdentity

router = Router(tags=["accounts"])

Name = Annotated[str, Field(max_length=150)]
# Argon2 takes any length; a limit keeps one request from hashing half a megabyte.
Password = Annotated[str, Field(max_length=1_024)]


class AccountUnknown(Refused):
    """There is no account of that name."""

    code: ClassVar[str] = "account_unknown"


class NewAccount(Body):
    """What opens an account."""

    name: Name
    password: Password


class AccountOpened(Body):
    """A new account."""

    id: int
    name: str


class NewToken(Body):
    """What gets a token."""

    name: Name
    password: Password
    label: Annotated[str, Field(min_length=1, max_length=64)]


class TokenIssued(Body):
    """A new token; ``token`` is shown this once."""

    id: int
    token: str
    label: str


class TokenShown(Body):
    """A token without its text."""

    id: int
    label: str
    created_at: datetime
    last_used: date | None
    revoked: bool


class Tokens(Body):
    """All tokens of the caller."""

    tokens: list[TokenShown]


class Card(Body):
    """A pairing card, made and signed by an agent."""

    card: Annotated[str, Field(max_length=4_096)]


class Paired(Body):
    """An account and its identity's fingerprint."""

    account: str
    fingerprint: str


class IdentityShown(Body):
    """The public keys of an identity: base64url, 32 bytes each."""

    sign: str
    seal: str


class AgentShown(Body):
    """The caller's account and paired identity."""

    account: str
    identity: IdentityShown | None
    fingerprint: str | None


class AccountShown(Body):
    """What anybody with an account may know of another."""

    name: str
    identity: IdentityShown | None
    fingerprint: str | None


@router.post("/accounts", response={201: AccountOpened}, auth=None)
def open_account(request: HttpRequest, body: NewAccount) -> Status[object]:
    """Open an account."""
    this = once(request)
    if (answer := this.answered()) is not None:
        return Status(*answer)
    gates.let_sign_up(request)
    account = registration.open_account(
        body.name,
        body.password,
        remember=lambda row: this.remember(201, {"id": row.pk, "name": row.name}),
    )
    return Status(201, {"id": account.pk, "name": account.name})


@router.post("/tokens", response={201: TokenIssued}, auth=None)
def issue_token(request: HttpRequest, body: NewToken) -> Status[object]:
    """Get an API token for a name and its password."""
    account = gates.let_in(request, body.name, body.password)
    this = once(request, account.pk)
    if (answer := this.answered()) is not None:
        _, kept = answer
        token = tokens.token_from(str(kept["seed"]))
        return Status(201, {"id": kept["id"], "token": token, "label": kept["label"]})
    with write_transaction():
        issued = tokens.issue_token(account, body.label)
        this.remember(201, {"id": issued.id, "seed": issued.seed, "label": body.label})
    return Status(201, {"id": issued.id, "token": issued.text, "label": body.label})


@router.get("/tokens", response=Tokens)
def list_tokens(request: ApiRequest) -> object:
    """The caller's tokens, the newest first."""
    rows = ApiToken.objects.filter(account_id=request.auth.account_id).order_by("-pk")
    return {
        "tokens": [
            {
                "id": row.pk,
                "label": row.label,
                "created_at": row.created_at,
                "last_used": row.last_used,
                "revoked": row.revoked_at is not None,
            }
            for row in rows
        ]
    }


@router.delete("/tokens/{token_id}", response={204: None})
def revoke_token(request: ApiRequest, token_id: RowNumber) -> Status[None]:
    """Make a token useless, at once."""
    tokens.revoke_token(request.auth.account_id, token_id)
    return Status(204, None)


@router.post("/agent/pair", response=Paired)
def pair_agent(request: ApiRequest, body: Card) -> Status[object]:
    """Bind the caller's account to the identity that signed the card."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return Status(*answer)

    def shown(identity: PublicIdentity) -> dict[str, str | int | None]:
        return {"account": request.auth.name, "fingerprint": identity.fingerprint}

    identity = pairing.pair(
        request.auth,
        body.card,
        origin=settings.COORDINATOR.public_origin,
        remember=lambda paired: this.remember(200, shown(paired)),
    )
    return Status(200, shown(identity))


@router.get("/agent", response=AgentShown)
def show_agent(request: ApiRequest) -> object:
    """The caller's account and paired identity."""
    row = PairedIdentity.objects.filter(account_id=request.auth.account_id).first()
    return {"account": request.auth.name, **_identity(row)}


@router.get("/accounts/{name}", response=AccountShown)
def show_account(request: ApiRequest, name: str) -> object:
    """Another account's identity, to propose an escrow with."""
    account = Account.objects.filter(name=name, is_active=True).select_related("identity").first()
    if account is None:
        raise AccountUnknown("Check the spelling; names are lower-case.")
    return {"name": account.name, **_identity(getattr(account, "identity", None))}


def _identity(row: PairedIdentity | None) -> dict[str, object]:
    if row is None:
        return {"identity": None, "fingerprint": None}
    return {"identity": {"sign": row.sign, "seal": row.seal}, "fingerprint": row.fingerprint}
