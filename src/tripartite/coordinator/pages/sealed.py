"""What is sealed to a party with an attached wallet: asked for, and read for ten minutes."""

from __future__ import annotations

import base64
from datetime import datetime
from urllib.parse import quote

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.errors import refused
from tripartite.coordinator.pages.reader import caller_of
from tripartite.coordinator.storing import write_transaction
from tripartite.coordinator.wallets.errors import EscrowNotYours
from tripartite.coordinator.wallets.reading import Opened, ask_reading, opened_for
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Role


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sealed(request: HttpRequest, escrow_id: str) -> HttpResponse:
    """Ask the agent to open it; then look until it is there."""
    try:
        if request.method == "POST":
            with write_transaction():
                ask_reading(caller_of(request), escrow_id)
            return redirect("sealed", escrow_id=escrow_id)
        found = opened_for(caller_of(request), escrow_id)
    except (EscrowUnknown, EscrowNotYours) as error:
        raise Http404 from error
    except TripartiteError as error:
        return refused(request, error)
    context = {
        "here": "escrows",
        "escrow_id": escrow_id,
        "opened": found,
        **({} if found is None else _shown(found)),
    }
    response = render(request, "escrows/sealed.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@login_required
def sealed_file(request: HttpRequest, escrow_id: str, sha256: str) -> HttpResponse:
    """A file of evidence: somebody else's, so it is saved and never shown."""
    try:
        found = opened_for(caller_of(request), escrow_id)
    except TripartiteError as error:
        raise Http404 from error
    files = () if found is None else found.files
    one = next((file for file in files if file.sha256 == sha256 and file.data), None)
    if one is None:
        raise Http404
    response = HttpResponse(base64.b64decode(one.data), content_type="application/octet-stream")
    # The agent has cleaned the name: letters, digits, dots, dashes and underscores.
    response["Content-Disposition"] = f'attachment; filename="{quote(one.name)}"'
    response["Cache-Control"] = "no-store"
    return response


def _shown(found: Opened) -> dict[str, object]:
    return {
        "addresses": [
            (wording.ROLES[Role(role)], address) for role, address in found.addresses.items()
        ],
        "statements": [
            (wording.ROLES[Role(one.by)], _moment(one.heard_at), one.text, one.problem)
            for one in found.statements
        ],
        "files": [(wording.ROLES[Role(one.by)], one) for one in found.files],
    }


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
