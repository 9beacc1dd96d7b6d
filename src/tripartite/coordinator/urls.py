"""Every address the coordinator answers."""

from __future__ import annotations

from django.urls import path

from tripartite.coordinator.api import api

urlpatterns = [path("api/", api.urls)]
