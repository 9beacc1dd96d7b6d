"""What somebody sees who isn't signed in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this is; who is signed in goes to their escrows."""
    if request.user.is_authenticated:
        return redirect("escrows")
    return render(request, "home.html")
