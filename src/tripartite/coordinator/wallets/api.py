"""Attached wallets over HTTP: an identity, a registration, a party's clicks."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from django.conf import settings
from ninja import Router, Status
from pydantic import Field

from tripartite.coordinator.accounts.gates import let_propose, let_register
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.ops.idempotency import Once, once
from tripartite.coordinator.schemas import Body
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets import deciding, reading, registering
from tripartite.coordinator.wallets.credentials import Credentials
from tripartite.coordinator.wallets.registering import Patience, Registered
from tripartite.coordinator.wallets.rpc_url import read_rpc_url
from tripartite.coordinator.wallets.words import MAX_EVIDENCE_BYTES, MAX_TEXT, Click
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.domain.settlement import NetworkFeeBearer

WAIT_SECONDS = 25.0
"""Below the 30 seconds after which usual proxies and clients give a request up."""

router = Router(tags=["attached wallets"])

Login = Annotated[str, Field(max_length=256)]
Address = Annotated[str, Field(max_length=128)]
Name = Annotated[str, Field(max_length=150)]


class Attached(Body):
    """The identity that the operator holds for the caller."""

    account: str
    fingerprint: str


class WalletRpc(Body):
    """A wallet RPC of the caller's."""

    rpc_url: Annotated[str, Field(max_length=256)]
    rpc_user: Login = ""
    rpc_password: Login = ""
    role: Role


class WalletRegistered(Body):
    """The fresh wallet that was made for this escrow and role."""

    success: bool
    message: str
    wallet_id: str
    wallet_address: str
    role: str


class WalletShown(Body):
    """Where the caller's registration stands."""

    role: str
    state: str
    code: str
    detail: str
    wallet_id: str | None
    wallet_address: str | None


class NewEscrow(Body):
    """Terms that an attached party proposes. ``amount`` is piconero as text."""

    role: Role
    counterparty: Name
    arbiter: Name
    amount: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,19}$")]
    subject: Annotated[str, Field(max_length=2_000)]
    payout_address: Address
    arbiter_fee_percent: Annotated[str, Field(max_length=8)] = "0"
    network_fee: NetworkFeeBearer = NetworkFeeBearer.PAYEE


class Decided(Body):
    """A decision that the caller's agent is about to say."""

    escrow_id: str
    decision_id: str


class Decision(Body):
    """What the caller decides, and the words that belong to it.

    ``accept`` takes ``payout_address``; ``dispute`` and ``state`` take ``text``; ``evidence`` takes
    ``file_name`` and ``file_data`` (base64, up to 256 KiB); ``settle`` takes ``vendor_share``
    (piconero as text); ``rule`` takes ``vendor_bps``; ``agree`` takes the one of the two that is on
    the table, so that nobody agrees to another offer than the one shown. ``replace`` takes
    ``arbiter`` (an account), ``arbiter_bps`` (the new arbiter's fee) and, if it has to be so much,
    ``amount``; ``move``, said where the money is, takes ``successor`` and ``successor_address``.
    """

    decision: Click
    payout_address: Address = ""
    text: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    file_name: Annotated[str, Field(max_length=200)] = ""
    file_data: Annotated[str, Field(max_length=4 * MAX_EVIDENCE_BYTES // 3 + 4)] = ""
    vendor_share: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,19})?$")] = ""
    vendor_bps: Annotated[int, Field(ge=0, le=10_000)] | None = None
    arbiter: Name = ""
    arbiter_bps: Annotated[int, Field(ge=0, le=10_000)] | None = None
    amount: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,19})?$")] = ""
    successor: Annotated[str, Field(max_length=64)] = ""
    successor_address: Address = ""


class DecisionShown(Body):
    """One decision; ``outcome`` is empty until it was said, then ``done`` or an error's code."""

    id: str
    decision: str
    decided_at: datetime
    outcome: str


class Decisions(Body):
    """Everything the caller decided about an escrow."""

    decisions: list[DecisionShown]


class SaidShown(Body):
    """A reason or statement; ``problem`` says why it can't be shown."""

    by: str
    kind: str
    heard_at: str
    text: str
    problem: str | None


class FileShown(Body):
    """A file of evidence in base64; ``data`` is empty if it isn't whole, or there is no room."""

    by: str
    name: str
    sha256: str
    size: int | None
    data: str
    problem: str | None


class SealedShown(Body):
    """What is sealed to the caller: what is traded, where each is paid, what was argued."""

    ready: bool
    subject: str | None = None
    addresses: dict[str, str] = {}
    statements: list[SaidShown] = []
    files: list[FileShown] = []


@router.post("/agent/attach", response=Attached)
def attach_identity(request: ApiRequest) -> object:
    """Let the operator make and hold the caller's identity key."""
    registering.attach_identity(request.auth)
    fingerprint = _patience().wait(lambda: registering.fingerprint_of(request.auth))
    return {"account": request.auth.name, "fingerprint": fingerprint}


@router.post("/escrow/{escrow_id}/register-wallet-rpc", response={201: WalletRegistered})
def register_wallet_rpc(request: ApiRequest, escrow_id: str, body: WalletRpc) -> Status[object]:
    """Register the caller's wallet RPC for one role of one escrow."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return Status(*answer)
    let_register(request, request.auth)
    credentials = Credentials(read_rpc_url(body.rpc_url), body.rpc_user, Secret(body.rpc_password))
    asked = registering.ask_registration(
        request.auth, escrow_id, body.role, credentials, request_key=_request_key(this)
    )
    found = _patience().wait(lambda: registering.outcome(asked.id))
    shown = _shown(found, asked.warning)
    with write_transaction():
        this.remember(201, shown)
    return Status(201, shown)


@router.get("/escrow/{escrow_id}/wallet-rpc", response=WalletShown)
def show_wallet_rpc(request: ApiRequest, escrow_id: str) -> object:
    """Where the caller's registration for this escrow stands."""
    role = registering.role_in(request.auth, escrow_id)
    last = registering.last_registration(escrow_id, role)
    if last is None or last.state == "registered":
        found = registering.registered(escrow_id, role)
        return {
            "role": role.value,
            "state": "registered",
            "code": "",
            "detail": "",
            "wallet_id": found.wallet_id,
            "wallet_address": found.wallet_address,
        }
    return {
        "role": role.value,
        "state": last.state,
        "code": last.code,
        "detail": last.detail,
        "wallet_id": None,
        "wallet_address": None,
    }


@router.post("/attached/escrows", response={202: Decided})
def propose_attached(request: ApiRequest, body: NewEscrow) -> Status[object]:
    """Propose an escrow with the identity that the operator holds for the caller."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return Status(*answer)
    let_propose(request, request.auth)
    escrow_id = secrets.token_hex(16)
    content = {
        name: str(value) for name, value in body.model_dump(mode="json").items() if name != "role"
    }
    with write_transaction():
        row = deciding.propose(
            request.auth, escrow_id, body.role, content, limits=settings.COORDINATOR.limits
        )
        shown: dict[str, str | int | None] = {"escrow_id": escrow_id, "decision_id": row.id}
        this.remember(202, shown)
    return Status(202, shown)


@router.post("/escrow/{escrow_id}/decisions", response={202: Decided})
def decide(request: ApiRequest, escrow_id: str, body: Decision) -> Status[object]:
    """Decide something about an escrow: a logged-in click is an attached party's consent."""
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return Status(*answer)
    given = body.model_dump(mode="json", exclude={"decision"}, exclude_defaults=True)
    content = {name: str(value) for name, value in given.items()}
    with write_transaction():
        row = deciding.decide(request.auth, escrow_id, body.decision, content)
        shown: dict[str, str | int | None] = {"escrow_id": escrow_id, "decision_id": row.id}
        this.remember(202, shown)
    return Status(202, shown)


@router.get("/escrow/{escrow_id}/decisions", response=Decisions)
def list_decisions(request: ApiRequest, escrow_id: str) -> object:
    """What the caller decided about an escrow, and what became of it."""
    return {
        "decisions": [
            {
                "id": row.id,
                "decision": row.decision,
                "decided_at": row.decided_at,
                "outcome": row.outcome,
            }
            for row in deciding.decisions_of(request.auth, escrow_id)
        ]
    }


@router.post("/escrow/{escrow_id}/sealed", response={202: None})
def ask_for_sealed(request: ApiRequest, escrow_id: str) -> Status[None]:
    """Have the caller's attached agent open what is sealed to it: GET shows it for ten minutes."""
    with write_transaction():
        reading.ask_reading(request.auth, escrow_id)
    return Status(202, None)


@router.get("/escrow/{escrow_id}/sealed", response=SealedShown)
def show_sealed(request: ApiRequest, escrow_id: str) -> object:
    """What the caller's attached agent has opened. ``ready`` is false until it has."""
    found = reading.opened_for(request.auth, escrow_id)
    if found is None:
        return {"ready": False}
    return {"ready": True, **asdict(found)}


@lru_cache(maxsize=1)
def _patience() -> Patience:
    return Patience(threads=settings.COORDINATOR.threads, seconds=WAIT_SECONDS)


def _request_key(this: Once) -> str:
    """Names one request and its repetitions; empty without an Idempotency-Key."""
    if not this.key:
        return ""
    return hashlib.sha256(f"{this.account_id}|{this.key}|{this.body_mac}".encode()).hexdigest()


def _shown(found: Registered, warning: str | None) -> dict[str, str | int | None]:
    return {
        "success": True,
        "message": warning or "Your wallet RPC is registered; a fresh wallet was made in it.",
        "wallet_id": found.wallet_id,
        "wallet_address": found.wallet_address,
        "role": found.role.value,
    }
