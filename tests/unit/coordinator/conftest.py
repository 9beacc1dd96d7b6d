"""Modules that stand beside models can only be imported once Django is set up."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("TRIPARTITE_DATA_DIR", tempfile.mkdtemp(prefix="tripartite-test-"))
os.environ.setdefault("TRIPARTITE_NETWORK", "regtest")

from tripartite.coordinator.start import start_django

start_django()
