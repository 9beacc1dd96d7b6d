"""What ``tripartite validate`` refuses before anything is started."""

from __future__ import annotations

from typer.testing import CliRunner

from tripartite.cli.main import build
from tripartite.validation.running import pace


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(["validate"]), ["validate", *words], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def test_a_node_without_somebody_who_pays_is_refused() -> None:
    code, said = run("--node", "http://127.0.0.1:1")

    assert code == 2
    assert "Give --node and --payer-rpc together" in said


def test_no_escrow_at_all_is_no_validation() -> None:
    assert run("--transactions", "0")[0] == 2


def test_each_escrow_has_a_wallet_rpc_as_far_as_there_may_be() -> None:
    words = pace(10)
    assert words[words.index("--wallets") + 1] == "12"
    assert pace(31)[pace(31).index("--wallets") + 1] == "32"
