"""API tokens: issue, list, revoke, and find the caller behind one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final

from django.conf import settings

from tripartite.coordinator.accounts.models import Account, ApiToken, Scope
from tripartite.coordinator.storing import execute, now, write_transaction
from tripartite.domain.errors import Refused

# A fixed beginning lets secret scanners recognise a token that was published by mistake.
PREFIX: Final = "tri_"


class TokenMissing(Refused):
    """This needs an API token."""

    code: ClassVar[str] = "token_missing"


class TokenInvalid(Refused):
    """That API token opens nothing."""

    code: ClassVar[str] = "token_invalid"


class TokenReadsOnly(Refused):
    """That API token may only read."""

    code: ClassVar[str] = "token_reads_only"


class TokenUnknown(Refused):
    """There is no such token."""

    code: ClassVar[str] = "token_unknown"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: what a token proved, in one query."""

    account_id: int
    name: str
    is_admin: bool
    token_id: int
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token. ``text`` is shown once; ``seed`` can make it again with the server's key."""

    id: int
    text: str
    seed: str

    def __repr__(self) -> str:
        return f"IssuedToken(id={self.id}, …)"


def token_from(seed: str) -> str:
    """The token's text, from its stored random seed and the server's secret key.

    Lets a repeated request be answered with the same token although the database holds neither
    the token nor enough to make it.
    """
    mac = hmac.digest(settings.SECRET_KEY.encode(), b"token|" + seed.encode(), hashlib.sha256)
    return PREFIX + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def issue_token(account: Account, label: str, scope: Scope = Scope.FULL) -> IssuedToken:
    """Store a new token's digest for ``account``. Call inside a write transaction."""
    seed = secrets.token_urlsafe(32)
    text = token_from(seed)
    row = ApiToken.objects.create(
        account=account, digest=digest_of(text), label=label, scope=scope, created_at=now()
    )
    return IssuedToken(id=row.pk, text=text, seed=seed)


def revoke_token(account_id: int, token_id: int) -> None:
    """Make a token useless from the next request on. Raises ``TokenUnknown``."""
    with write_transaction():
        changed = ApiToken.objects.filter(
            pk=token_id, account_id=account_id, revoked_at=None
        ).update(revoked_at=now())
    if not changed:
        raise TokenUnknown("List your tokens to see their ids.")


def caller_of(token: str) -> Caller:
    """The account behind ``token``. Raises ``TokenInvalid``.

    Looked up on every request, never cached: a revoked token is dead at once.
    """
    row = execute(
        "SELECT t.id, t.last_used, t.scope, a.id, a.name, a.is_staff"
        " FROM accounts_apitoken t JOIN accounts_account a ON a.id = t.account_id"
        " WHERE t.digest = %s AND t.revoked_at IS NULL AND a.is_active",
        [digest_of(token)],
    ).fetchone()
    if row is None:
        raise TokenInvalid("It is misspelt or revoked: issue a new one with POST /api/tokens.")
    token_id, last_used, scope, account_id, name, is_staff = row
    _note_use(token_id, last_used)
    return Caller(
        account_id=account_id,
        name=name,
        is_admin=bool(is_staff),
        token_id=token_id,
        reads_only=scope == Scope.READ.value,
    )


def digest_of(token: str) -> str:
    """What is stored of a token. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _note_use(token_id: int, last_used: date | str | None) -> None:
    """Keep the day of the last use: at most one write per token and day."""
    today = now().date()
    # Raw rows of SQLite carry dates as text.
    seen = date.fromisoformat(last_used) if isinstance(last_used, str) else last_used
    if seen is not None and today - seen < timedelta(days=1):
        return
    with write_transaction():
        ApiToken.objects.filter(pk=token_id).update(last_used=today)
