"""Repeat a POST safely: the same key and body get the stored answer.

Only answers that changed something are stored, in the transaction that made the change. A
refused request changed nothing, so a repetition is judged afresh.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import ClassVar, Final

from django.conf import settings
from django.db import IntegrityError, connection
from django.http import HttpRequest

from tripartite.coordinator.storing import execute, now, stamp
from tripartite.domain.errors import Refused, Unavailable

KEY_LENGTH: Final = 128

Body = dict[str, "str | int | None"]


class IdempotencyKeyInvalid(Refused):
    """The Idempotency-Key can't be used."""

    code: ClassVar[str] = "idempotency_key_invalid"


class IdempotencyKeyReused(Refused):
    """The Idempotency-Key was used for another request."""

    code: ClassVar[str] = "idempotency_key_reused"


class IdempotencyKeyInUse(Unavailable):
    """A request with this Idempotency-Key is being answered just now."""

    code: ClassVar[str] = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class Once:
    """One request as its Idempotency-Key names it. Without a key it does nothing."""

    account_id: int
    path: str
    key: str
    body_mac: str

    def answered(self) -> tuple[int, Body] | None:
        """Status and body given earlier. Raises ``IdempotencyKeyReused``."""
        if not self.key:
            return None
        with connection.cursor() as sql:
            sql.execute(
                "SELECT body_mac, status, body FROM ops_storedanswer"
                " WHERE account_id = %s AND path = %s AND key = %s",
                [self.account_id, self.path, self.key],
            )
            row = sql.fetchone()
        if row is None:
            return None
        body_mac, status, body = row
        if not hmac.compare_digest(body_mac, self.body_mac):
            raise IdempotencyKeyReused("Take a new key for a new request.")
        return int(status), json.loads(body)

    def remember(self, status: int, body: Body) -> None:
        """Store the answer. Call inside the transaction that makes the change.

        Raises ``IdempotencyKeyInUse`` when a parallel request with the same key was faster; the
        transaction must then be given up.
        """
        if not self.key:
            return
        try:
            execute(
                "INSERT INTO ops_storedanswer"
                " (account_id, path, key, body_mac, status, body, created_at)"
                " VALUES (%s,%s,%s,%s,%s,%s,%s)",
                [
                    self.account_id,
                    self.path,
                    self.key,
                    self.body_mac,
                    status,
                    json.dumps(body),
                    stamp(now()),
                ],
            )
        except IntegrityError as error:
            raise IdempotencyKeyInUse("Send the same request again.") from error


def once(request: HttpRequest, account_id: int = 0) -> Once:
    """How ``request`` is to be remembered. Raises ``IdempotencyKeyInvalid``."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if len(key) > KEY_LENGTH or not key.isascii() or (key and not key.isprintable()):
        raise IdempotencyKeyInvalid(f"Use up to {KEY_LENGTH} printable ASCII characters.")
    if not key:
        return Once(account_id=account_id, path=request.path, key="", body_mac="")
    # Keyed: bodies may hold passwords, and a plain hash in the database would let them be guessed.
    mac = hmac.digest(settings.SECRET_KEY.encode(), b"body|" + request.body, hashlib.sha256)
    return Once(account_id=account_id, path=request.path, key=key, body_mac=mac.hex())
