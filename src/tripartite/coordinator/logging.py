"""The coordinator's log. Never envelopes, tokens, passwords, addresses, ids or amounts."""

from __future__ import annotations

import logging

from tripartite.coordinator.configuration import Configuration
from tripartite.logs import lines
from tripartite.logs.daily import DailyFile


def configure_logging(configuration: Configuration) -> None:
    """Lines go to LOG_DIR, a file a day for all processes of this node, or else to stderr."""
    directory = configuration.log_dir
    sink = None if directory is None else DailyFile(directory, "coordinator")
    lines.configure(configuration.log_level, sink)
    # Django's line for every refused request has its path, and paths have escrow ids. Ours has the
    # error's code instead.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
