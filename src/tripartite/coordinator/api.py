"""The JSON API, put together. ``/api/openapi.json`` describes it."""

from __future__ import annotations

from importlib.metadata import version

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from tripartite.coordinator.accounts.api import router as accounts
from tripartite.coordinator.arbiters.api import router as arbiters
from tripartite.coordinator.authentication import Bearer
from tripartite.coordinator.escrows.api import router as escrows
from tripartite.coordinator.events.api import router as events
from tripartite.coordinator.limits.api import router as limits
from tripartite.coordinator.notify.api import router as notifications
from tripartite.coordinator.ops.api import router as operation
from tripartite.coordinator.ops.problems import http_problem, problem
from tripartite.coordinator.ops.refusing import database_away, refused
from tripartite.coordinator.presence.api import router as presence
from tripartite.coordinator.recovery.api import admins as recovery
from tripartite.coordinator.recovery.api import parties as recovery_of_parties
from tripartite.coordinator.relay.api import router as relay
from tripartite.coordinator.wallets.api import router as wallets
from tripartite.domain.errors import TripartiteError

api = NinjaAPI(
    title="Tripartite coordinator",
    version=version("tripartite"),
    description="Carries the signed messages of three parties. It holds no keys.",
    auth=Bearer(),
    docs_url=None,
)
api.add_router("/escrow", relay)  # first: addresses are compared in this order
api.add_router("/escrow", escrows)
api.add_router("", accounts)
api.add_router("", wallets)
api.add_router("/events", events)
api.add_router("/admin/recovery", recovery)
api.add_router("/recovery", recovery_of_parties)
api.add_router("/arbiters", arbiters)
api.add_router("/notifications", notifications)
api.add_router("", limits)
api.add_router("", presence)
api.add_router("", operation)


@api.exception_handler(TripartiteError)
def _ours(request: HttpRequest, error: TripartiteError) -> HttpResponse:
    return refused(request, error)


@api.exception_handler(ValidationError)
def _schema(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Which fields don't fit and why; never what they held, which may be a password."""
    return problem(
        422,
        code="schema_mismatch",
        title="The request doesn't fit its schema",
        detail="Compare it with /api/openapi.json.",
        errors=[
            {"path": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
            for one in error.errors
        ],
    )


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    return http_problem(error.status_code)


@api.exception_handler(OperationalError)
def _database_away(request: HttpRequest, error: OperationalError) -> HttpResponse:
    return database_away()


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return http_problem(404)
