"""Every "no" as an RFC 9457 problem: one shape, one stable ``code`` each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from django.http import HttpResponse

from tripartite.domain.errors import Refused, Tampered, TripartiteError, Unavailable

CONTENT_TYPE: Final = "application/problem+json"

# Errors whose status isn't their branch's. Everything else: Refused 422, Tampered 409,
# Unavailable 503.
STATUS: Final[Mapping[str, int]] = {
    "token_missing": 401,
    "token_invalid": 401,
    "credentials_wrong": 401,
    "admins_only": 403,
    "role_not_yours": 403,
    "second_factor_needed": 403,
    "token_reads_only": 403,
    "account_unknown": 404,
    "escrow_unknown": 404,
    "channel_unknown": 404,
    "panel_unknown": 404,
    "recovery_action_unknown": 404,
    "escrow_not_yours": 403,
    "custody_guarded": 403,
    "identity_not_attached": 409,
    "identity_held_elsewhere": 409,
    "registration_too_late": 409,
    "registration_under_way": 409,
    "wallet_rpc_already_registered": 409,
    "wallet_rpc_not_registered": 404,
    "decision_under_way": 409,
    "decisions_piled_up": 409,
    "offer_changed": 409,
    "evidence_too_large": 413,
    "token_unknown": 404,
    "already_paired": 409,
    "escrow_exists": 409,
    "escrow_not_stuck": 409,
    "move_not_open": 409,
    "name_taken": 409,
    "not_your_move": 409,
    "panel_too_small": 409,
    "successor_exists": 409,
    "too_many_channels": 409,
    "voted_already": 409,
    "body_too_large": 413,
    "content_type_unknown": 415,
    "tries_exceeded": 429,
}

# Seconds, where a second changes nothing.
_RETRY_AFTER: Final = {
    "under_maintenance": "300",
    "escrow_limit_reached": "60",
    "coordinator_keyring_unusable": "60",
    "sealed_under_unknown_key": "60",
}

_HTTP_TITLES: Final = {
    400: ("request_malformed", "The request can't be read"),
    403: ("forbidden", "This isn't allowed"),
    404: ("route_unknown", "There is nothing at this address"),
    405: ("method_not_allowed", "This address doesn't take that method"),
    413: ("body_too_large", "The request is too large"),
    500: ("internal_error", "Something went wrong here"),
}


def status_of(error: TripartiteError) -> int:
    """The HTTP status for an error of ours."""
    if error.code in STATUS:
        return STATUS[error.code]
    match error:
        case Tampered():
            return 409
        case Unavailable():
            return 503
        case Refused():
            return 422
    return 500


def problem_of(error: TripartiteError) -> HttpResponse:
    """``error`` as a response."""
    status = status_of(error)
    response = problem(
        status,
        code=error.code,
        title=error.title(),
        detail=error.detail,
        facts={name: value for name, value in error.facts.items() if name not in _RESERVED},
    )
    if status == 401:  # RFC 9110 section 11.6.1 wants the challenge
        response["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response["Retry-After"] = retry_after(error)
    return response


def retry_after(error: TripartiteError) -> str:
    """When clients should come back, in seconds."""
    return _RETRY_AFTER.get(error.code, "1")


def http_problem(status: int) -> HttpResponse:
    """A problem that HTTP itself names, such as 404 or 405."""
    code, title = _HTTP_TITLES.get(status, (f"http_{status}", "The request was refused"))
    return problem(status, code=code, title=title, detail="")


def problem(
    status: int,
    *,
    code: str,
    title: str,
    detail: str,
    facts: Mapping[str, str | int] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> HttpResponse:
    """The response itself. ``errors`` names the fields that don't fit, without their values."""
    body: dict[str, object] = {
        "type": f"urn:tripartite:error:{code}",
        "title": title,
        "status": status,
        "code": code,
        **(facts or {}),
    }
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE)


_RESERVED: Final = frozenset(("type", "title", "status", "code", "detail", "errors"))
