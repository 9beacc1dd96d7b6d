"""Answers that were made here field by field, written as the framework writes them.

It would first read them again, field by field, against the schema that it shows to others, which
was a large part of what a page of a hundred escrows cost. Tests compare these answers with their
schemas instead.
"""

from __future__ import annotations

import json

from django.http import HttpResponse
from ninja.responses import NinjaJSONEncoder


def as_it_is(value: object) -> HttpResponse:
    """200 with ``value``, which has to fit the route's schema: plain values and moments."""
    return HttpResponse(json.dumps(value, cls=NinjaJSONEncoder), content_type="application/json")
