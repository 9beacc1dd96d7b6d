"""What the agent's commands print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import typer

from tripartite.cli.exits import Exit
from tripartite.domain.parties import Role

if TYPE_CHECKING:
    from tripartite.agent.consent import Consent, PartyRow
    from tripartite.agent.deciding import Choice


def print_consent(consent: Consent, parties: Sequence[PartyRow], compared: frozenset[Role]) -> None:
    """Everything that somebody agrees to. ``compared`` gave their fingerprint beforehand."""
    from rich.console import Console  # noqa: PLC0415 — slow to import, needed only here
    from rich.table import Table  # noqa: PLC0415 — as above
    from rich.text import Text  # noqa: PLC0415 — as above

    console = Console(highlight=False, markup=False, emoji=False)
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column()
    facts.add_column(overflow="fold")
    for name, value in consent.facts:
        facts.add_row(Text(name), Text(value))
    console.print(facts)
    people = Table("", "account", "fingerprint", "")
    for row in parties:
        stranger = "as you expected" if row.role in compared else "STRANGER: compare"
        known = "you" if row.is_own else row.known or stranger
        people.add_row(
            *(Text(one) for one in (row.role.value, row.account, row.fingerprint, known))
        )
    console.print(people)
    if consent.endings:
        endings = Table("if", "buyer gets", "vendor gets", "arbiter gets", "platform gets")
        for end in consent.endings:
            cells = (end.ending, end.buyer, end.vendor, end.arbiter, end.platform)
            endings.add_row(*(Text(one) for one in cells))
        console.print(endings)
    for note in consent.notes:
        console.print(Text(note))


def meet(
    consent: Consent, rows: tuple[PartyRow, ...], expect: list[str] | None, *, yes: bool
) -> frozenset[Role]:
    """Show, compare, ask; whose fingerprints were compared."""
    from tripartite.agent.consent import check_expectations  # noqa: PLC0415 — see the module's docstring

    compared = check_expectations(rows, tuple(expect or ()), unattended=yes)
    print_consent(consent, rows, compared)
    if not yes:
        ask(consent, [row for row in rows if row.known is None and row.role not in compared])
    return compared


def show_and_ask(choice: Choice, *, yes: bool) -> None:
    """As ``meet``, among people who met when the terms were accepted."""
    print_consent(choice.consent, choice.rows, frozenset())
    if not yes:
        ask(choice.consent, ())


def ask(consent: Consent, strangers: Sequence[PartyRow]) -> None:
    """Ask in words; anything but yes ends the command."""
    for row in strangers:
        if row.is_own:
            continue
        asked = f"Did the {row.role.value} confirm to you the fingerprint {row.fingerprint}?"
        if not typer.confirm(asked, err=True):
            raise typer.Exit(Exit.DECLINED)
    if not typer.confirm(consent.question, err=True):
        raise typer.Exit(Exit.DECLINED)


def print_status(shown: Mapping[str, object]) -> None:
    """A page of status."""
    from rich.console import Console  # noqa: PLC0415 — slow to import, needed only here
    from rich.table import Table  # noqa: PLC0415 — as above
    from rich.text import Text  # noqa: PLC0415 — as above

    console = Console(highlight=False, markup=False, emoji=False)
    for name in ("account", "coordinator", "network", "fingerprint", "prepared_wallets"):
        console.print(Text(f"{name.replace('_', ' ')}: {shown[name] or '–'}"))
    console.print(Text("running" if shown["running"] else "NOT RUNNING"))
    table = Table("escrow", "you are", "state", "XMR", "waits for", "you can", "pay to / paid by")
    table.columns[0].no_wrap = True
    for escrow in cast("list[dict[str, object]]", shown["escrows"]):
        frozen = cast("dict[str, str] | None", escrow["frozen"])
        waiting = cast("list[dict[str, str]]", escrow["waiting_on"])
        state = f"FROZEN: {frozen['code']}" if frozen else str(escrow["state"])
        cells = (
            str(escrow["escrow_id"])[:12],
            str(escrow["role"]),
            state,
            str(escrow["amount_due"]),
            ", ".join(f"{one['role']}: {one['what']}" for one in waiting) or "–",
            ", ".join(cast("list[str]", escrow["you_can"])) or "–",
            str(escrow["payout"] or escrow["address"] or "–"),
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    console.print(table)
    for escrow in cast("list[dict[str, object]]", shown["escrows"]):
        for line in _money_lines(escrow):
            console.print(Text(f"{str(escrow['escrow_id'])[:12]} {line}"))
        if not escrow["backed_up"]:
            console.print(
                Text(
                    f"NO VERIFIED BACKUP of the wallet of {str(escrow['escrow_id'])[:12]}: "
                    "`tripartite agent backup`"
                )
            )
    for alarm in cast("list[dict[str, str]]", shown["alarms"])[:10]:
        console.print(Text(f"{alarm['at']} {alarm['escrow_id'][:12]} {alarm['code']}"))
        console.print(Text(f"  {alarm['detail']}"))


def _money_lines(escrow: Mapping[str, object]) -> Iterator[str]:
    """What a table has no room for: money missing or too much, and offers."""
    if escrow["succeeds"]:
        yield f"takes over the money of escrow {str(escrow['succeeds'])[:12]}: pay nothing in"
    elif escrow["address"] and escrow["state"] == "awaiting_deposit":
        yield f"{escrow['missing']} of {escrow['amount_due']} XMR are still missing"
    if escrow["surplus"] != "0":
        yield f"{escrow['surplus']} XMR too much; they go back to the buyer with the payout"
    if escrow["moves_to"]:
        yield f"its money goes to escrow {str(escrow['moves_to'])[:12]}"
    for role, offer in cast("dict[str, dict[str, str | None]]", escrow["offers"]).items():
        yield _offered(role, offer)


def _offered(role: str, offer: Mapping[str, str | None]) -> str:
    if offer["moves_to"]:
        return f"the {role} has signed the move to escrow {offer['moves_to'][:12]}"
    return f"the {role} offers a split: {offer['vendor_share']} XMR for the vendor"


def print_case(shown: Mapping[str, object]) -> None:
    """Everything that was said in a dispute."""
    from rich.console import Console  # noqa: PLC0415 — slow to import, needed only here
    from rich.text import Text  # noqa: PLC0415 — as above

    console = Console(highlight=False, markup=False, emoji=False)

    def say(line: str) -> None:
        console.print(Text(line))

    say(f"escrow {shown['escrow_id']}: {shown['state']}, you are the {shown['role']}")
    for role, party in cast("dict[str, dict[str, str]]", shown["parties"]).items():
        say(f"{role}: {party['account'] or '(name not known yet)'} {party['fingerprint']}")
    if shown["disputed_by"]:
        say(f"dispute opened by the {shown['disputed_by']}, {shown['disputed_at'] or 'earlier'}")
        say(str(shown["clock"]))
    for said in cast("list[dict[str, str]]", shown["statements"]):
        say(f"--- {said['by']}, {said['kind']}, {said['heard_at']}")
        say(said["problem"] or said["text"])
    for file in cast("list[dict[str, object]]", shown["evidence"]):
        where = file["problem"] or file["file"] or f"{file['here']} of {file['parts']} parts here"
        say(f"--- {file['by']}, evidence: {file['name']} ({file['type']}, {file['size']} bytes)")
        say(f"SHA-256 {file['sha256']}: {where}")
    for role, offer in cast("dict[str, dict[str, str | None]]", shown["offers"]).items():
        say(f"--- {_offered(role, offer)}")
    payout = cast("dict[str, object] | None", shown["payout"])
    if payout is not None:
        share = payout["vendor_percent"] or payout["vendor_share"]
        say(f"--- payout: {payout['for']}{f', {share} for the vendor' if share else ''}")
        if payout["asks_you"]:
            say("It waits for your signature: tripartite agent agree")
    for one in cast("list[dict[str, str]]", shown["waiting_on"]):
        say(f"waits for the {one['role']}: {one['what']}")
