"""``tripartite admin``: what the operator does on the server itself, with its database at hand."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tripartite.cli.on_the_server import coordinator_here
from tripartite.domain.secrets import Secret

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file instead of asking."),
]


AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


class Role(StrEnum):
    """What an account may be, besides a party of its own escrows."""

    ADMIN = "admin"
    ARBITER = "arbiter"


@app.callback()
def admin() -> None:
    """Admins and arbiters, and what to do about escrows that are stuck."""


@app.command()
def create(name: Name, password_file: PasswordFile = None) -> None:
    """Open an account that is an admin.

    Example: tripartite admin create root --password-file /root/password
    """
    with coordinator_here():
        from tripartite.coordinator.accounts import roles  # noqa: PLC0415 — models need Django

        roles.open_admin(name, _password(password_file))
    typer.echo(f"{name} is an admin")


@app.command()
def grant(name: Name, role: Annotated[Role, typer.Argument(help="The role to give.")]) -> None:
    """Make an account an admin or an arbiter.

    Example: tripartite admin grant dave arbiter
    """
    _give(name, role, value=True)
    typer.echo(f"{name} is an {role.value}")


@app.command()
def revoke(name: Name, role: Annotated[Role, typer.Argument(help="The role to take.")]) -> None:
    """Take a role away. Its open escrows stay as they are.

    Example: tripartite admin revoke dave arbiter
    """
    _give(name, role, value=False)
    typer.echo(f"{name} is no {role.value} any more")


@app.command()
def roles(as_json: AsJson = False) -> None:
    """Who is an admin, who an arbiter.

    Example: tripartite admin roles --json
    """
    with coordinator_here():
        from tripartite.coordinator.accounts import roles as accounts  # noqa: PLC0415 — as above

        holders = accounts.holders()
        if as_json:
            rows = [
                {"name": one.name, "admin": one.is_admin, "arbiter": one.is_arbiter}
                for one in holders
            ]
            typer.echo(json.dumps(rows, indent=1))
            return
        for one in holders:
            words = ["admin"] * one.is_admin + ["arbiter"] * one.is_arbiter
            typer.echo(f"{one.name}: {', '.join(words)}")


@app.command()
def token(
    name: Name, label: Annotated[str, typer.Option(help="What it is for.")] = "admin"
) -> None:
    """Print a new API token of an account. It is shown this once.

    Example: tripartite admin token root --label backup-script
    """
    with coordinator_here():
        from tripartite.coordinator.accounts import roles as accounts  # noqa: PLC0415 — as above

        typer.echo(accounts.issue_token(name, label).reveal())


@app.command()
def cases(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Escrows that need a person, the oldest first.

    Example: tripartite admin cases --limit 5
    """
    with coordinator_here():
        if as_json:
            from tripartite.coordinator.recovery import cases as listing  # noqa: PLC0415 — as above

            found = listing.cases(offset=0, limit=limit)
            content = {"total": found.total, "cases": found.cases}
            typer.echo(json.dumps(content, indent=1, default=str))
            return
        from tripartite.coordinator.recovery.reading import described  # noqa: PLC0415 — as above

        for line in described(limit=limit):
            typer.echo(line)


@app.command()
def act(
    escrow: Annotated[str, typer.Argument(help="The escrow's id.")],
    action: Annotated[
        str,
        typer.Argument(
            help="retry_transaction, contact_arbiter, mark_investigated or escalate_governance."
        ),
    ],
    notes: Annotated[str, typer.Option(help="Why: 10 to 1000 characters, kept on record.")],
    by: Annotated[str, typer.Option("--as", help="The admin whose act it is.")],
) -> None:
    """Do something about a stuck escrow. It is told to its parties, and moves no money.

    Example: tripartite admin act 5e5e5e… retry_transaction --as root
    --notes "The node was out of sync for an hour."
    """
    with coordinator_here() as configuration:
        from tripartite.coordinator.recovery.reading import act_here  # noqa: PLC0415 — as above

        for line in act_here(configuration, escrow, action, notes=notes, by=by):
            typer.echo(line)


def _give(name: str, role: Role, *, value: bool) -> None:
    with coordinator_here():
        from tripartite.coordinator.accounts import roles as accounts  # noqa: PLC0415 — as above

        if role is Role.ADMIN:
            accounts.give(name, admin=value)
        else:
            accounts.give(name, arbiter=value)


def _password(file: Path | None) -> Secret:
    if file is not None:
        return Secret(file.read_text().rstrip("\r\n"))
    text: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return Secret(text)
