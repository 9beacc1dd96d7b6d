"""What every request goes through first: limits on the way in, problems on the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import structlog
from django.core.exceptions import DisallowedHost
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tripartite.coordinator.ops.problems import CONTENT_TYPE, http_problem, problem_of
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES

MAX_BODY_BYTES: Final = MAX_ENVELOPE_BYTES + 4_096
"""Largest request body: one envelope and the JSON around it."""

_DIGITS: Final = 18
_JSON: Final = ("application/json",)
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")

_log = structlog.get_logger()


class BodyTooLarge(Refused):
    """The request's body is too large."""

    code: ClassVar[str] = "body_too_large"


class ContentTypeUnknown(Refused):
    """The request's body isn't declared as JSON."""

    code: ClassVar[str] = "content_type_unknown"


def answer_with_problems(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: refuse what is too large or isn't JSON; give every refusal the same shape."""
    got_request_exception.connect(_log_exception, dispatch_uid="tripartite.ops.http")

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_page = _wants_page(request)
        try:
            check_body(
                request.META.get("CONTENT_LENGTH", ""),
                request.META.get("CONTENT_TYPE", ""),
                forms=is_page,
            )
            request.get_host()
            # No address has a zero in it, and PostgreSQL fails over text with one.
            response = http_problem(404) if "\0" in request.path else get_response(request)
        except TripartiteError as error:
            return problem_of(error)
        except DisallowedHost:
            return http_problem(400)
        if response.status_code >= 400 and response["Content-Type"] != CONTENT_TYPE and not is_page:
            return _reshaped(response)
        return response

    return middleware


def _wants_page(request: HttpRequest) -> bool:
    """Whether a person's browser is asking, who reads HTML and sends forms."""
    return not request.path.startswith("/api/") and "text/html" in request.headers.get("Accept", "")


def check_body(length: str, content_type: str, *, forms: bool = False) -> None:
    """Judge a body by its headers alone. Raises ``BodyTooLarge`` or ``ContentTypeUnknown``."""
    # int() refuses thousands of digits, and has a hard time with hundreds.
    known = length.isascii() and length.isdigit()
    size = int(length[-_DIGITS:]) if known else 0
    if size > MAX_BODY_BYTES or (known and length[:-_DIGITS].strip("0")):
        raise BodyTooLarge(f"Send at most {MAX_BODY_BYTES} bytes.", limit=MAX_BODY_BYTES)
    allowed = _FORMS if forms else _JSON
    if size and content_type.partition(";")[0].strip().lower() not in allowed:
        raise ContentTypeUnknown("Send JSON, with Content-Type: application/json.")


def _log_exception(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    """One line for each unexpected exception of a view: its type and place, no values."""
    # The route's template, not the path: that may have an escrow's id in it.
    match = None if request is None else request.resolver_match
    _log.exception("request_failed", route="none" if match is None else match.route)


def _reshaped(response: HttpResponseBase) -> HttpResponse:
    """Django's own HTML errors as problems, keeping headers such as Allow."""
    reshaped = http_problem(response.status_code)
    if response.has_header("Allow"):
        reshaped["Allow"] = response["Allow"]
    return reshaped
