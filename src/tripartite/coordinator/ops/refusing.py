"""How a request that fails is answered, whichever way it came."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse

from tripartite.coordinator.ops.problems import problem_of
from tripartite.coordinator.start import DatabaseUnreachable
from tripartite.domain.errors import TripartiteError

_log = structlog.get_logger()


def refused(request: HttpRequest, error: TripartiteError) -> HttpResponse:
    """An error of ours as a problem; the log tells its code, and no path: paths have escrow ids."""
    _log.info("request_refused", code=error.code, method=request.method)
    return problem_of(error)


def database_away() -> HttpResponse:
    """Nothing is wrong with the request, and nothing of it was stored."""
    _log.warning("database_unreachable")
    return problem_of(DatabaseUnreachable("Send the same request again in a moment."))
