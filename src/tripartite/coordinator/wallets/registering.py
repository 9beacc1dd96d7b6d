"""Ask for a wallet RPC to be registered, and find out what became of it.

The coordinator only writes the wish down. An attach process connects, checks, makes the wallet and
stores the mapping (ADR 25): so no request thread ever speaks to an address that a user gave.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from django.conf import settings
from django.db import IntegrityError, connection

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows.errors import EscrowUnknown, RoleNotYours
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import Credentials, registration_spot
from tripartite.coordinator.wallets.custody import check_custody
from tripartite.coordinator.wallets.errors import (
    FOUND_AT_THE_WALLET,
    AttachPending,
    EscrowNotYours,
    IdentityHeldElsewhere,
    IdentityNotAttached,
    OnionProxyMissing,
    RegistrationTooLate,
    RegistrationUnderWay,
    WalletRpcAlreadyRegistered,
    WalletRpcNotRegistered,
)
from tripartite.coordinator.wallets.models import (
    PENDING,
    REFUSED,
    AttachedIdentity,
    WalletMapping,
    WalletRegistration,
)
from tripartite.coordinator.work.queue import wake
from tripartite.domain.lifecycle import BEFORE_THE_WALLET, State
from tripartite.domain.parties import Role

_FIRST_LOOK_SECONDS: Final = 0.01
_LOOK_SECONDS: Final = 0.2
T = TypeVar("T")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Registered:
    """A mapping, as its party sees it."""

    wallet_id: str
    wallet_address: str
    role: Role


@dataclass(frozen=True, slots=True)
class Asked:
    """A registration under way. ``warning`` is the custody guard's, where it only warns."""

    id: str
    warning: str | None


def ask_registration(
    caller: Caller, escrow_id: str, role: Role, credentials: Credentials, *, request_key: str
) -> Asked:
    """Write the wish down and wake an attach process.

    The same request again (``request_key``, which is not empty) finds the one under way. Raises
    ``EscrowUnknown``, ``EscrowNotYours``, ``RoleNotYours``, ``IdentityNotAttached``,
    ``RegistrationTooLate``, ``WalletRpcAlreadyRegistered``, ``RegistrationUnderWay``,
    ``CustodyGuarded``, ``OnionProxyMissing``.
    """
    if credentials.place.onion and settings.COORDINATOR.onion_proxy is None:
        raise OnionProxyMissing("Ask its operator to set TRIPARTITE_ONION_PROXY.")
    at = now()
    row = WalletRegistration(
        escrow_id=escrow_id,
        role=role.value,
        account_id=caller.account_id,
        endpoint=credentials.place.endpoint,
        request_key=request_key,
        asked_at=at,
    )
    row.credentials = keyring().seal(credentials.to_text(), registration_spot(row.id))
    try:
        with write_transaction():
            state = _lock(escrow_id)
            _check_caller(caller, escrow_id, role)
            before = _same_request(escrow_id, role, request_key)
            if before is not None:
                return Asked(before, None)
            if WalletMapping.objects.filter(escrow_id=escrow_id, role=role.value).exists():
                raise WalletRpcAlreadyRegistered("The first registration stays as it is.")
            if state not in BEFORE_THE_WALLET:
                raise RegistrationTooLate(f"The escrow is {state.value}: {state.meaning}")
            if _is_under_way(escrow_id, role):
                raise RegistrationUnderWay("Wait for its outcome: ask GET wallet-rpc.")
            warning = check_custody(
                role, reached_roles(escrow_id), settings.COORDINATOR.custody_guard
            )
            row.save(force_insert=True)
            wake(keys.registration_key(row.id), at=at, pool=keys.ATTACH)
    except IntegrityError as error:
        # The database holds the rule even if a lock should fail.
        raise RegistrationUnderWay("Wait for its outcome: ask GET wallet-rpc.") from error
    if warning is not None:
        _log.warning("custody_guard_lowered", role=role.value)
    return Asked(row.id, warning)


def outcome(registration_id: str) -> Registered | None:
    """What became of it; None while it is under way. Raises why it was refused."""
    row = WalletRegistration.objects.get(pk=registration_id)
    if row.state == PENDING:
        return None
    if row.state == REFUSED:
        for error in FOUND_AT_THE_WALLET:
            if error.code == row.code:
                raise error(row.detail)
        raise WalletRpcNotRegistered(row.detail)
    return registered(row.escrow_id, Role(row.role))


def registered(escrow_id: str, role: Role) -> Registered:
    """The mapping of a role. Raises ``WalletRpcNotRegistered``."""
    found = WalletMapping.objects.filter(escrow_id=escrow_id, role=role.value).first()
    if found is None:
        raise WalletRpcNotRegistered("Register it with POST register-wallet-rpc.")
    return Registered(found.wallet_id, found.wallet_address, role)


def role_in(caller: Caller, escrow_id: str) -> Role:
    """The caller's role. Raises ``EscrowUnknown``, ``EscrowNotYours``."""
    found = dict(Participant.objects.filter(escrow_id=escrow_id).values_list("account_id", "role"))
    if not found:
        raise EscrowUnknown("Check the id.")
    if caller.account_id not in found:
        raise EscrowNotYours("Only its buyer, vendor and arbiter may do that.")
    return Role(found[caller.account_id])


def last_registration(escrow_id: str, role: Role) -> WalletRegistration | None:
    """The latest wish of a role."""
    rows = WalletRegistration.objects.filter(escrow_id=escrow_id, role=role.value)
    return rows.order_by("-asked_at").first()


def reached_roles(escrow_id: str) -> set[Role]:
    """The roles whose wallet RPC the operator can reach, or is about to."""
    mapped = WalletMapping.objects.filter(escrow_id=escrow_id).values_list("role", flat=True)
    asked = WalletRegistration.objects.filter(escrow_id=escrow_id, state=PENDING)
    return {Role(role) for role in (*mapped, *asked.values_list("role", flat=True))}


def attach_identity(caller: Caller) -> None:
    """Have an attach process make this account's identity key, and hold it.

    Again is fine. Raises ``IdentityHeldElsewhere``.
    """
    at = now()
    with write_transaction():
        attached = AttachedIdentity.objects.filter(pk=caller.account_id).exists()
        paired = PairedIdentity.objects.filter(account_id=caller.account_id).exists()
        if paired and not attached:
            raise IdentityHeldElsewhere("Go on with that agent; an identity is for good.")
        if not attached:
            AttachedIdentity.objects.bulk_create(
                [AttachedIdentity(account_id=caller.account_id, asked_at=at)],
                ignore_conflicts=True,
            )
        wake(keys.identity_key(caller.account_id), at=at, pool=keys.ATTACH)


def fingerprint_of(caller: Caller) -> str | None:
    """The attached identity's fingerprint, once it is made."""
    row = PairedIdentity.objects.filter(account_id=caller.account_id).first()
    return None if row is None else row.fingerprint


def require_attached(account_id: int) -> None:
    """Raises ``IdentityNotAttached``."""
    if not AttachedIdentity.objects.filter(pk=account_id).exists():
        raise IdentityNotAttached(
            "An agent of your own holds it and signs for you: run it with --wallet-rpc. Only an "
            "account that began with POST /api/agent/attach has its wallets attached."
        )


class Patience:
    """How long requests wait for an attach process, and how many at once.

    Each waiting request holds a thread; half of them, rounded up, stay free for everybody else. So
    where there is only one thread, nobody waits.
    """

    def __init__(self, *, threads: int, seconds: float) -> None:
        self._places = threading.BoundedSemaphore(threads // 2)
        self._seconds = seconds

    def wait(self, look: Callable[[], T | None]) -> T:
        """What ``look`` finds. Raises ``AttachPending``, and what ``look`` raises."""
        if not self._places.acquire(blocking=False):
            if (found := look()) is not None:
                return found
            raise _pending()
        try:
            until, pause = time.monotonic() + self._seconds, _FIRST_LOOK_SECONDS
            while (found := look()) is None:
                if time.monotonic() > until:
                    raise _pending()
                time.sleep(pause)
                pause = min(2 * pause, _LOOK_SECONDS)
            return found
        finally:
            self._places.release()


def _pending() -> AttachPending:
    return AttachPending(
        "Send the same request with the same Idempotency-Key again in a moment. If it stays so, "
        "the operator's `tripartite attach` doesn't run."
    )


def _lock(escrow_id: str) -> State:
    """Who asks for the same escrow waits here. Raises ``EscrowUnknown``."""
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as sql:
        sql.execute("SELECT state FROM escrows_escrow WHERE escrow_id = %s" + lock, [escrow_id])
        row = sql.fetchone()
    if row is None:
        raise EscrowUnknown("Check the id.")
    return State(row[0])


def _check_caller(caller: Caller, escrow_id: str, role: Role) -> None:
    own = role_in(caller, escrow_id)
    if own is not role:
        raise RoleNotYours(f"Your account is this escrow's {own.value}, not its {role.value}.")
    require_attached(caller.account_id)


def _same_request(escrow_id: str, role: Role, request_key: str) -> str | None:
    """The registration that this very request began, unless it was refused: that changed nothing."""
    if not request_key:
        return None
    rows = WalletRegistration.objects.filter(
        escrow_id=escrow_id, role=role.value, request_key=request_key
    )
    return rows.exclude(state=REFUSED).values_list("id", flat=True).first()


def _is_under_way(escrow_id: str, role: Role) -> bool:
    return WalletRegistration.objects.filter(
        escrow_id=escrow_id, role=role.value, state=PENDING
    ).exists()
