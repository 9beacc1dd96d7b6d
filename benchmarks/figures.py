"""From samples to figures: pure, and tested without any daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.relay import RelayFigures, RelaySample

Figure = float | int | str | bool | None | Sequence["Figure"] | Mapping[str, "Figure"]


@dataclass(frozen=True, slots=True)
class Compared:
    """Seconds of the bare script and of ours, taken by turns."""

    raw: tuple[float, ...]
    ours: tuple[float, ...]
    same_calls: bool
    """Whether both made the same wallet calls in the same order."""

    @property
    def raw_seconds(self) -> float:
        """The bare script's median."""
        return median(self.raw)

    @property
    def our_seconds(self) -> float:
        """Our median."""
        return median(self.ours)

    @property
    def ratio(self) -> float:
        """Ours over the bare script's, of the medians."""
        return self.our_seconds / self.raw_seconds


@dataclass(frozen=True, slots=True)
class Samples:
    """Everything measured in one run; what was left out is None."""

    prepared: Compared | None
    inline: Compared | None
    relay: RelayFigures | None
    machine: Mapping[str, Figure]


def summarise(samples: Samples) -> Mapping[str, Figure]:
    """The content of ``build/bench.json``. Seconds, MiB, and messages per CPU-second."""
    figures: dict[str, Figure] = {}
    if samples.prepared is not None:
        figures |= {
            "setup_ratio": round(samples.prepared.ratio, 3),
            "setup_seconds": round(samples.prepared.our_seconds, 3),
            "raw_seconds": round(samples.prepared.raw_seconds, 3),
        }
    if samples.relay is not None:
        figures |= {
            "relay_messages_per_cpu_second": round(rate(samples.relay.stored)),
            "coordinator_rss_mib": round(samples.relay.after.rss_mib, 1),
        }
    if samples.prepared is not None:
        figures["prepared"] = _compared(samples.prepared)
    if samples.inline is not None:
        figures["inline"] = _compared(samples.inline)
    if samples.relay is not None:
        figures["coordinator"] = _coordinator(samples.relay)
    figures["machine"] = samples.machine
    return figures


def rate(batches: Sequence[RelaySample]) -> float:
    """Messages stored per CPU-second, the median batch."""
    return median(one.per_cpu_second for one in batches)


def cpu_per_escrow(batches: Sequence[RelaySample]) -> float:
    """CPU-seconds of the coordinator for one set-up, the median batch."""
    return median(one.cpu_seconds / one.escrows for one in batches)


def memory_per_escrow(relay: RelayFigures) -> float:
    """KiB that the coordinator's memory grew by with each escrow without listeners."""
    escrows = sum(one.escrows for one in relay.stored)
    return (relay.after.rss_mib - relay.before.rss_mib) * 1024 / escrows


def _compared(one: Compared) -> Mapping[str, Figure]:
    return {
        "ratio": round(one.ratio, 3),
        "seconds": round(one.our_seconds, 3),
        "raw_seconds": round(one.raw_seconds, 3),
        "same_wallet_calls": one.same_calls,
        "samples": [round(sample, 4) for sample in one.ours],
        "raw_samples": [round(sample, 4) for sample in one.raw],
    }


def _coordinator(relay: RelayFigures) -> Mapping[str, Figure]:
    return {
        "escrows": relay.escrows,
        "messages_per_escrow": relay.stored[0].messages // relay.stored[0].escrows,
        "cpu_seconds_per_escrow": round(cpu_per_escrow(relay.stored), 4),
        "cpu_seconds_per_escrow_with_listeners": round(cpu_per_escrow(relay.pushed), 4),
        "messages_per_cpu_second_with_listeners": round(rate(relay.pushed)),
        "memory_kib_per_escrow": round(memory_per_escrow(relay), 1),
        "rss_mib_before": round(relay.before.rss_mib, 1),
        "rss_mib_after": round(relay.after.rss_mib, 1),
        "pss_mib_before": _rounded(relay.before.pss_mib),
        "pss_mib_after": _rounded(relay.after.pss_mib),
        "samples": [round(one.per_cpu_second) for one in relay.stored],
        "samples_with_listeners": [round(one.per_cpu_second) for one in relay.pushed],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
