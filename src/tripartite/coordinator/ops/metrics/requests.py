"""HTTP requests, counted by route template: never by the address that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tripartite.coordinator.ops.metrics.catalogue import HTTP_REQUESTS, HTTP_SECONDS
from tripartite.coordinator.ops.metrics.tally import TALLY

# Anybody may send any word as a method; a label takes only those that HTTP has.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUESTS: Final = HTTP_REQUESTS.name
_SECONDS: Final = HTTP_SECONDS.name
_BUCKETS: Final = HTTP_SECONDS.buckets


def count_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware, the outermost."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        route = "none" if match is None else match.route
        method = request.method if request.method in _METHODS else "other"
        TALLY.count((_REQUESTS, method or "other", route, str(response.status_code)))
        TALLY.observe((_SECONDS, route), time.perf_counter() - began, _BUCKETS)
        return response

    return middleware


def count_too_large(method: str) -> None:
    """A request that never came to Django: its body was refused unread."""
    TALLY.count((_REQUESTS, method if method in _METHODS else "other", "too_large", "413"))
