"""``tripartite escrow``: the escrows on this coordinator, read from its database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.cli.on_the_server import coordinator_here
from tripartite.domain.money import Piconero, format_xmr

if TYPE_CHECKING:
    from tripartite.coordinator.escrows.listing import Listed

app = typer.Typer(no_args_is_help=True)


@app.callback()
def escrow() -> None:
    """The escrows on this coordinator."""


@app.command("list")
def list_escrows(
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that haven't ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Every escrow, the oldest first: its state, its parties and whom it waits for.

    Example: tripartite escrow list --open
    """
    number, with_money = 0, 0
    with coordinator_here():
        # Models may only be imported once Django is set up.
        from tripartite.coordinator.escrows.listing import listed  # noqa: PLC0415 — see above

        for one in listed(only_open=only_open):
            number += 1
            with_money += one.may_hold_money
            if as_json:
                typer.echo(json.dumps(_to_json(one)))
            else:
                _show(one)
    if not as_json:
        what = "open" if only_open else "in all"
        typer.echo(f"escrows {what}: {number}, of them may hold money: {with_money}")


def _show(one: Listed) -> None:
    names = ", ".join(f"{role.value} {name}" for role, name in one.parties.items())
    waits = ", ".join(f"{role.value} ({what})" for role, what in one.waiting_on)
    whom = f"; waits for: {waits}" if waits else ""
    typer.echo(f"{one.escrow_id}  {one.status}  {format_xmr(Piconero(one.amount))} XMR")
    typer.echo(f"  parties: {names}")
    typer.echo(f"  last change: {one.changed_at:%Y-%m-%d %H:%M} UTC{whom}")


def _to_json(one: Listed) -> dict[str, object]:
    return {
        "escrow_id": one.escrow_id,
        "status": one.status,
        "may_hold_money": one.may_hold_money,
        "amount": str(one.amount),
        "parties": {role.value: name for role, name in one.parties.items()},
        "waiting_on": [{"role": role.value, "what": what} for role, what in one.waiting_on],
        "created_at": one.created_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
    }
