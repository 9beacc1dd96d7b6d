"""Every address the coordinator answers."""

from __future__ import annotations

from django.urls import path

from tripartite.coordinator.api import api
from tripartite.coordinator.ops import health

urlpatterns = [
    path("api/", api.urls),
    path("healthz", health.show_alive),
    path("readyz", health.show_ready),
]
