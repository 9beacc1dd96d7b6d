"""What monitoring itself costs: CPU time, so that a busy machine doesn't matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tripartite.coordinator.ops.metrics.tally import Tally

ROOT = Path(__file__).resolve().parents[2]


def test_a_scrape_of_a_million_escrows_takes_less_than_50_ms_of_cpu() -> None:
    """In a process of its own; writes ``build/metrics.json``."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.scraping"],
        cwd=ROOT,
        env={
            name: value for name, value in os.environ.items() if not name.startswith("TRIPARTITE_")
        },
        check=True,
        capture_output=True,
        timeout=300,
    )

    figures = json.loads((ROOT / "build/metrics.json").read_text())
    assert figures["escrows"] == 1_000_000
    assert figures["scrape_cpu_ms_1m"] < 50


def test_counting_a_request_costs_microseconds() -> None:
    """One count and a dozen timings, as for a message: a hundredth of the millisecond it takes."""
    tally = Tally()
    buckets = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0)
    rounds = 2_000
    began = time.thread_time()
    for _ in range(rounds):
        tally.count(("requests", "POST", "route", "201"))
        for _ in range(12):
            tally.observe(("seconds",), 0.0004, buckets)
    each = (time.thread_time() - began) / rounds

    assert each < 100e-6, "a multiple of the 4 µs that a quiet machine takes"
