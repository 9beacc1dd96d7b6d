"""Django as a WSGI application, for ``serve`` and for any other WSGI server."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

from tripartite.coordinator.logging import configure_logging
from tripartite.coordinator.ops.metrics.reporting import report_in_background

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")

application = get_wsgi_application()


def make_application() -> WSGIHandler:
    """The application for a process that is ours alone: it logs as ``serve`` does."""
    configure_logging(settings.COORDINATOR)
    report_in_background(settings.COORDINATOR)
    return application
