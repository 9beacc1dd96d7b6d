"""The pages that say no."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tripartite.coordinator.ops.problems import retry_after, status_of
from tripartite.coordinator.pages.refusals import detail_of, title_of
from tripartite.domain.errors import TripartiteError


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _page(request, 400, _("That request can't be read"), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _page(
        request, 403, _("This isn't yours to see"), _("Sign in with the account that may see it.")
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that didn't come from a page of ours, or from one that is too old."""
    return _page(
        request,
        403,
        _("That form is too old"),
        _("Go back, load the page again and send it once more. Cookies have to be allowed."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: also for what exists and belongs to others."""
    return _page(
        request,
        404,
        _("There is nothing here for you"),
        _("Check the address. Perhaps it belongs to another account than the one you use now."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500."""
    return _page(
        request, 500, _("Something went wrong here"), _("Nothing of it was stored. Try again.")
    )


def refused(request: HttpRequest, error: TripartiteError) -> HttpResponse:
    """Whatever a use case said no with, under the status that the API gives it, too."""
    status = status_of(error)
    answer = _page(request, status, title_of(error), detail_of(error), code=error.code)
    if status == 503:
        answer["Retry-After"] = retry_after(error)
    return answer


def _page(
    request: HttpRequest, status: int, title: str, what_next: str, *, code: str = ""
) -> HttpResponse:
    """``code`` is shown where only the operator can help."""
    context = {"title": title, "what_next": what_next, "code": code if status >= 500 else ""}
    return render(request, "error.html", context, status=status)
