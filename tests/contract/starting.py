"""The coordinator's Django inside the tests' own process, with settings of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tripartite.coordinator.start import start_django
from tripartite.devnet.coordinator_process import WITHOUT_LIMITS


def start_in_process() -> None:
    """Settings are read when Django is set up, and models may only be imported after that.

    So this is called before any module that imports models is. Again, it does nothing.
    """
    if "TRIPARTITE_DATA_DIR" not in os.environ:
        home = tempfile.mkdtemp(prefix="tripartite-test-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["TRIPARTITE_DATA_DIR"] = home
    os.environ.setdefault("TRIPARTITE_NETWORK", "regtest")
    os.environ.setdefault("TRIPARTITE_METRICS_PORT", "0")
    # The stories about limits set their own.
    os.environ.update(WITHOUT_LIMITS)
    start_django()
