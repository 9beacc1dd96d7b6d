"""A daemon's log tells whether it crashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tripartite.monero.supervision import crash_marks


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::out_of_range'",
        "monerod: x.cpp:1: void f(): Assertion `x' failed.",
        "Segmentation fault (core dumped)",
        "free(): invalid pointer",
        "*** stack smashing detected ***: terminated",
        "2026-11-23 09:43:34.689\tI\tFATAL\tglobal\tsrc/x.cpp:1\tgone",
    ],
)
def test_a_crash_is_found(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"before\n{line}\nafter\n")
    assert crash_marks(log) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 09:43:34.689\t[SRV_MAIN]\tWARNING\twallet.rpc\tx.cpp:4658\tStopped wallet RPC",
        "2026-11-23 09:43:34.689\t[RPC0]\tERROR\twallet.rpc\tx.cpp:1\tException at while opening",
        "2026-11-23 09:50:50.402\t7f0b\tFATAL\tnet\tx.inl:1\tError starting server: Failed to bind",
    ],
)
def test_an_error_is_no_crash(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(line)
    assert crash_marks(log) == []
    assert crash_marks(tmp_path / "no log") == []
