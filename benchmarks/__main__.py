"""``make bench``: our figures beside those of the bare calls; writes ``build/bench.json``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.figures import Samples, summarise
from benchmarks.measuring import Bench, Pair, compared
from benchmarks.report import show_calls, show_figures, show_trace

_RESULT: Final = Path("build") / "bench.json"

# Seconds since the start after which no further sample is begun; the relay takes half a minute.
_PREPARED_UNTIL: Final = 150.0
_INLINE_UNTIL: Final = 270.0

_PARTS: Final = ("prepared", "inline", "relay")


def main() -> None:
    """Measure, print, write. Slow figures are no failure; a broken measurement is."""
    given = _arguments()
    # So that whoever ends us by a signal leaves nothing behind, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(width=None if Console().is_terminal else 160)
    started = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - started:5.0f} s  {line}", highlight=False)

    parts: dict[str, tuple[Pair, ...]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="tripartite-bench-") as place,
        Bench.start(Path(place)) as bench,
    ):
        machine = bench.machine()
        say("node, coordinator and bare wallets run")
        for name, until in (("prepared", _PREPARED_UNTIL), ("inline", _INLINE_UNTIL)):
            if name in given.only:
                parts[name] = bench.pairs(
                    prepared=name == "prepared",
                    samples=given.samples,
                    until=started + until,
                    say=say,
                )
        relay = bench.relay() if "relay" in given.only else None
    samples = Samples(
        prepared=compared(parts["prepared"]) if "prepared" in parts else None,
        inline=compared(parts["inline"]) if "inline" in parts else None,
        relay=relay,
        machine=machine,
    )
    for name, pairs in parts.items():
        if given.verbose or not all(pair.same_calls for pair in pairs):
            show_calls(console, name, pairs)
        if given.trace:
            show_trace(console, name, pairs)
    show_figures(console, samples)
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(summarise(samples), indent=2) + "\n")
    say(f"written to {_RESULT}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--samples", type=int, default=5, help="set-ups of each kind (5)")
    parser.add_argument("--trace", action="store_true", help="show where the time goes")
    parser.add_argument("--verbose", action="store_true", help="show all wallet calls")
    parser.add_argument(
        "--only", nargs="+", choices=_PARTS, default=_PARTS, help="measure only these"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
