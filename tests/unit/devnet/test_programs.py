"""What in a log is trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from tripartite.devnet.programs import troubles


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "Traceback (most recent call last):",
        "Exception in thread wallets:",
        '{"event": "bug", "exception": [{"exc_type": "KeyError"}], "level": "error"}',
    ],
)
def test_crashes_and_uncaught_exceptions_are_trouble(tmp_path: Path, line: str) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "agent.log").write_text(f"started\n{line}\n")

    (found,) = troubles(tmp_path)

    assert found.startswith("vendor/agent.log: ")
    assert line in found


def test_a_refusal_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "coordinator.log").write_text(
        '{"code": "rpc_unreachable", "level": "warning", "event": "look_failed"}\n'
    )
    assert troubles(tmp_path) == []
