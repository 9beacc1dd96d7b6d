"""``tripartite doctor``: is this installation fit to run escrows?"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from tripartite.cli.exits import Exit

if TYPE_CHECKING:
    from tripartite.coordinator.doctor.report import Report

app = typer.Typer(no_args_is_help=False)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Believe the running check of the event log: read no part."),
    ] = False,
    expect: Annotated[
        str | None,
        typer.Option(help="A hash that `tripartite audit verify` printed: it must be in the log."),
    ] = None,
    prometheus: Annotated[
        str, typer.Option(help="Your Prometheus, which should watch the coordinator.")
    ] = "http://127.0.0.1:9090",
) -> None:
    """Look over the coordinator of this machine: a score, and for each finding what to do.

    Run it as the coordinator's user, with its settings. It changes nothing. It ends with 0 if
    nothing has to be mended, 1 if something has, 3 if the record was altered, and 75 if something
    could not be found out and all else is well.

    Example: tripartite doctor --json
    """
    from tripartite.coordinator.doctor.visiting import visit  # noqa: PLC0415 — slow to import; --help answers at once

    report = visit(quick=quick, expect=expect, prometheus=prometheus)
    if as_json:
        typer.echo(json.dumps(_content(report), indent=1))
    else:
        _print(report)
    raise typer.Exit(_exit(report))


def _exit(report: Report) -> Exit:
    match report.verdict.value:
        case "tampered":
            return Exit.TAMPERED
        case "bad":
            return Exit.REFUSED
        case "unknown":
            return Exit.UNAVAILABLE
    return Exit.DONE


def _content(report: Report) -> dict[str, object]:
    return {
        "score": report.score,
        "verdict": report.verdict.value,
        "looked_at": report.looked_at.isoformat(timespec="seconds"),
        "findings": [
            {
                "check": one.check.value,
                "verdict": one.verdict.value,
                "what": one.what,
                "todo": one.todo,
            }
            for one in report.findings
        ],
    }


def _print(report: Report) -> None:
    for one in report.findings:
        typer.echo(f"{one.verdict.value.upper():9}{one.check.value:15}{one.what}")
        if one.todo:
            typer.echo(f"{'':24}→ {one.todo}")
    counts = Counter(one.verdict.value for one in report.findings)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    typer.echo(f"score {report.score} of 100: {told}")
