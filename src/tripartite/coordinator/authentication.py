"""Bearer tokens on the way in: every route but three needs one."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from ninja.security import HttpBearer

from tripartite.coordinator.accounts.tokens import Caller, TokenMissing, TokenReadsOnly, caller_of

_READING: Final = ("GET", "HEAD", "OPTIONS")


class ApiRequest(HttpRequest):
    """A request whose caller is known."""

    auth: Caller


class Bearer(HttpBearer):
    """``Authorization: Bearer tri_…``."""

    def __call__(self, request: HttpRequest) -> Caller:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != self.openapi_scheme or not token:
            raise TokenMissing("Send Authorization: Bearer <token>; POST /api/tokens gives one.")
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        caller = caller_of(token)
        if caller.reads_only and request.method not in _READING:
            raise TokenReadsOnly("Make a token with the scope `full` for this.")
        return caller
