"""The figures that others read, from samples made up here."""

from __future__ import annotations

import json

import pytest

from benchmarks.ceremony import ROUNDS, Making, making_seen, rounds_of
from benchmarks.figures import Compared, Samples, summarise
from benchmarks.processes import Usage
from benchmarks.relay import RelayFigures, RelaySample

PREPARED = Compared(raw=(0.8, 1.0, 0.9), ours=(0.9, 1.8, 0.99), same_calls=True)
INLINE = Compared(raw=(6.0,), ours=(6.6,), same_calls=False)
RELAY = RelayFigures(
    stored=(RelaySample(10, 180, 0, 0.2), RelaySample(10, 180, 0, 0.18)),
    pushed=(RelaySample(10, 180, 540, 0.36),),
    before=Usage(1.0, 80.0, 70.0),
    after=Usage(2.0, 82.0, None),
)


def figures(samples: Samples) -> dict[str, object]:
    written: dict[str, object] = json.loads(json.dumps(summarise(samples)))
    return written


def test_the_file_has_the_five_named_figures() -> None:
    found = figures(Samples(PREPARED, INLINE, RELAY, {"cores": 2}))
    assert found["setup_ratio"] == pytest.approx(1.1)
    assert found["setup_seconds"] == pytest.approx(0.99)
    assert found["raw_seconds"] == pytest.approx(0.9)
    assert found["relay_messages_per_cpu_second"] == 950
    assert found["coordinator_rss_mib"] == pytest.approx(82.0)


def test_every_sample_can_be_read_again() -> None:
    found = figures(Samples(PREPARED, INLINE, RELAY, {"cores": 2}))
    assert found["prepared"] == {
        "ratio": 1.1,
        "seconds": 0.99,
        "raw_seconds": 0.9,
        "same_wallet_calls": True,
        "samples": [0.9, 1.8, 0.99],
        "raw_samples": [0.8, 1.0, 0.9],
    }
    coordinator = found["coordinator"]
    assert isinstance(coordinator, dict)
    assert coordinator["samples"] == [900, 1000]
    assert coordinator["messages_per_escrow"] == 18
    assert coordinator["memory_kib_per_escrow"] == pytest.approx(102.4)
    assert coordinator["pss_mib_after"] is None


def test_what_was_not_measured_is_not_in_the_file() -> None:
    found = figures(Samples(None, INLINE, None, {}))
    assert set(found) == {"inline", "machine"}


def test_calls_are_split_where_a_round_begins() -> None:
    calls = ("create_wallet", *(method for this in ROUNDS for method in this))
    assert rounds_of(calls) == (("create_wallet",), *ROUNDS)


@pytest.mark.parametrize(
    ("calls", "making"),
    [
        (("create_wallet", "prepare_multisig"), Making.AT_ONCE),
        (("wallet-cli", "open_wallet"), Making.LEAN),
        (("prepare_multisig",), Making.AHEAD),
    ],
)
def test_the_bare_script_makes_wallets_as_the_agents_were_seen_to(
    calls: tuple[str, ...], making: Making
) -> None:
    assert making_seen(calls) is making
