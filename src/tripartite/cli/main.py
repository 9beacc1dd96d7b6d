"""``tripartite``: finds the command, and imports only what that one needs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import typer

from tripartite.cli.exits import bugs_told, epilog

GROUPS: Final = {
    "admin": "tripartite.cli.admin",
    "agent": "tripartite.cli.agent",
    "audit": "tripartite.cli.audit",
    "escrow": "tripartite.cli.escrow",
    "keys": "tripartite.cli.keys",
    "maintenance": "tripartite.cli.maintenance",
}
"""Commands with commands of their own. The module has ``app``."""

COMMANDS: Final = {
    "serve": "tripartite.cli.serve",
    "attach": "tripartite.cli.attach",
    "create-escrow": "tripartite.cli.create_escrow",
    "settle": "tripartite.cli.settle",
    "demo": "tripartite.cli.demo",
    "doctor": "tripartite.cli.doctor",
    "backup": "tripartite.cli.backup",
    "restore": "tripartite.cli.restore",
    "upgrade": "tripartite.cli.upgrade",
    "validate": "tripartite.cli.validate",
}
"""Plain commands. The module has ``app`` with the one command in it."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command line, complete enough for these arguments."""
    root = typer.Typer(
        name="tripartite",
        help="Non-custodial 2-of-3 escrow for Monero.",
        no_args_is_help=True,
        epilog=epilog(),
        pretty_exceptions_enable=False,
    )
    # A callback keeps a lone sub-command from being taken for the whole program.
    root.callback()(_version_option)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    known = wanted in GROUPS or wanted in COMMANDS
    for name, module in GROUPS.items():
        if name == wanted or not known:
            root.add_typer(importlib.import_module(module).app, name=name)
    for name, module in COMMANDS.items():
        if name == wanted or not known:
            root.add_typer(importlib.import_module(module).app)
    return root


def main() -> None:
    """The entry point."""
    with bugs_told():
        build(sys.argv[1:])()


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 — slow to import, rarely asked

        typer.echo(version("tripartite"))
        raise typer.Exit


def _version_option(
    version: bool = typer.Option(
        False, "--version", help="Show the version and end.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Non-custodial 2-of-3 escrow for Monero."""
