"""Stories about the command line as a whole: every command explains itself, and ends in the same way."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.testing import CliRunner

from tripartite.agent.proposing import NotYourEscrow, side_of
from tripartite.cli.exits import Exit, bugs_told, exit_codes
from tripartite.cli.main import COMMANDS, GROUPS, build
from tripartite.cli.tree import Leaf, leaves
from tripartite.coordinator.events.audit import LogAltered
from tripartite.coordinator.setting_values import SettingInvalid
from tripartite.coordinator.start import DatabaseUnreachable
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Role

LEAVES = leaves()
# What prints data that a program may want to read.
SAY_JSON = {
    "admin cases", "admin roles", "agent case", "agent doctor", "agent panels", "agent status",
    "audit verify", "demo", "doctor", "keys list",
}  # fmt: skip  # a list of names


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: " ".join(leaf.words))
def test_every_command_shows_an_example_that_can_be_typed(leaf: Leaf) -> None:
    program, *words = shlex.split(leaf.example)

    assert program == "tripartite"
    assert tuple(words[: len(leaf.words)]) == leaf.words
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= leaf.options
    assert leaf.summary.endswith((".", "?", ")"))


def test_every_group_says_what_it_is_for() -> None:
    page = CliRunner().invoke(build([]), ["--help"], env={"COLUMNS": "300"}).stdout

    rows = [line.strip("│ ").split(maxsplit=1) for line in page.splitlines() if "│" in line]
    told = {row[0]: row[1] for row in rows if len(row) == 2}
    assert all(len(told[name]) > 10 for name in (*GROUPS, *COMMANDS))


def test_what_prints_data_prints_it_for_programs_too() -> None:
    assert {" ".join(leaf.words) for leaf in LEAVES if "--json" in leaf.options} >= SAY_JSON


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingInvalid("Mend it."), Exit.REFUSED),
        (DatabaseUnreachable("Start it."), Exit.UNAVAILABLE),
        (LogAltered("Event 3 is missing."), Exit.TAMPERED),
    ],
)
def test_an_error_ends_with_the_code_of_its_branch(
    error: TripartiteError, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, exit_codes():
        raise error

    assert ended.value.exit_code == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [f"{error.title()} [{error.code}]", error.detail]


def test_a_fault_of_ours_has_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, bugs_told():
        raise LookupError("nobody thought of that")

    assert ended.value.code == Exit.BUG
    assert capsys.readouterr().err.endswith("LookupError: nobody thought of that\n")


def test_exit_codes_are_told_at_the_end_of_the_help() -> None:
    page = CliRunner().invoke(build([]), ["--help"], env={"COLUMNS": "1000"}).stdout

    assert all(f"{one.value} {one.meaning}" in page for one in Exit)


@pytest.mark.parametrize(
    ("typed", "found"), [("tripartite do", "doctor"), ("tripartite admin gr", "grant")]
)
def test_a_shell_can_complete_what_is_typed(typed: str, found: str) -> None:
    words = typed.split()
    environment = {
        "_TRIPARTITE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }

    # As a shell asks: without any argument of its own.
    ended = CliRunner().invoke(build([]), [], env=environment, prog_name="tripartite")

    assert ended.stdout.split() == [found]


def test_an_agent_proposes_only_for_its_own_account() -> None:
    assert side_of("bob", buyer="bob", vendor="carol") is Role.BUYER
    assert side_of("carol", buyer="bob", vendor="carol") is Role.VENDOR
    for account, buyer in (("mallory", "bob"), (None, "bob"), ("carol", "carol")):
        with pytest.raises(NotYourEscrow):
            side_of(account, buyer=buyer, vendor="carol")
