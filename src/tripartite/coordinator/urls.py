"""Every address the coordinator answers."""

from __future__ import annotations

from django.urls import include, path

from tripartite.coordinator.api import api
from tripartite.coordinator.ops import health

urlpatterns = [
    path("api/", api.urls),
    path("healthz", health.show_alive),
    path("readyz", health.show_ready),
    path("", include("tripartite.coordinator.pages.urls")),
]
handler400 = "tripartite.coordinator.pages.errors.bad_request"
handler403 = "tripartite.coordinator.pages.errors.forbidden"
handler404 = "tripartite.coordinator.pages.errors.not_found"
handler500 = "tripartite.coordinator.pages.errors.failed"
