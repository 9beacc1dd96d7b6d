"""``tripartite agent``: the commands by which an escrow ends, and those of a dispute.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from tripartite.cli.agent_home import EscrowId, HomeOption, KeyFile, PassphraseFile, Yes, hand_over
from tripartite.cli.agent_home import open_party as open_
from tripartite.cli.agent_output import print_case, show_and_ask
from tripartite.cli.exits import exit_codes
from tripartite.domain.money import parse_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import parse_percent
from tripartite.domain.settlement import ALL_BPS

app = typer.Typer()

_EVIDENCE = Annotated[
    list[Path] | None,
    typer.Option("--evidence", help="A file to show with it, at most 8 MiB. Repeatable."),
]


_PLAIN: Final = {
    "release": "As the buyer: pay the vendor. Can't be taken back.",
    "refund": "As the vendor: give the buyer everything back. Can't be taken back.",
    "cancel": "Call an escrow off, before any money has arrived.",
    "resume": "Go on with an escrow that this agent has frozen, once you know why it did.",
}
"""Decisions that need no more words than the escrow."""


def _plain(word: str) -> Callable[..., None]:
    def decide(
        escrow: EscrowId,
        *,
        home: HomeOption = None,
        passphrase_file: PassphraseFile = None,
        key_file: KeyFile = None,
        yes: Yes = False,
    ) -> None:
        _decide(word, escrow, (home, passphrase_file, key_file), yes=yes)

    return decide


for _word, _help in _PLAIN.items():
    app.command(_word, help=f"{_help}\n\nExample: tripartite agent {_word} 5e5e5e")(_plain(_word))


@app.command()
def settle(
    escrow: EscrowId,
    *,
    vendor_share: Annotated[
        str, typer.Option(help="XMR of the agreed amount for the vendor; the buyer gets the rest.")
    ],
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """Offer the other trader a split. It takes the place of an offer you made before.

    Example: tripartite agent settle 5e5e5e --vendor-share 0.75
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        share = parse_xmr(vendor_share, zero_allowed=True)
        opened = open_(home, passphrase_file, key_file)
        choice = resolving.offer(opened, escrow, share)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice)
        hand_over(opened)


@app.command()
def agree(
    escrow: EscrowId,
    *,
    vendor_share: Annotated[
        str | None, typer.Option(help="With --yes: the offer you expect, in XMR for the vendor.")
    ] = None,
    vendor_percent: Annotated[
        str | None, typer.Option(help="With --yes: the ruling you expect, in per cent.")
    ] = None,
    ruling: Annotated[
        bool, typer.Option("--ruling", help="Sign the ruling, although there is an offer.")
    ] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """Agree to the split that the other trader offers, or to sign a ruling with the arbiter.

    Example: tripartite agent agree 5e5e5e
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        share = None if vendor_share is None else parse_xmr(vendor_share, zero_allowed=True)
        bps = None if vendor_percent is None else parse_percent(vendor_percent)
        opened = open_(home, passphrase_file, key_file)
        choice = resolving.agree(opened, escrow, ruling=ruling)
        if yes or share is not None or bps is not None:
            resolving.expect(choice, vendor_share=share, vendor_bps=bps)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice)
        hand_over(opened)


@app.command()
def dispute(
    escrow: EscrowId,
    *,
    reason: Annotated[str, typer.Option(help="What went wrong; only the other two can read it.")],
    evidence: _EVIDENCE = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """Call the arbiter.

    Example: tripartite agent dispute 5e5e5e --reason "Nothing arrived" --evidence tracking.pdf
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        parts = resolving.read_files(evidence or [])
        opened = open_(home, passphrase_file, key_file)
        choice = resolving.dispute(opened, escrow, reason)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice, parts)
        hand_over(opened)


@app.command()
def state(
    escrow: EscrowId,
    *,
    text: Annotated[str | None, typer.Option(help="What you say.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read it from this text file.")] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """Say something in a dispute, to the other two alone.

    Example: tripartite agent state 5e5e5e --text "It was delivered on the 12th"
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        if (text is None) == (file is None):
            raise typer.BadParameter("Give either --text or --file.")
        words = text if file is None else file.read_text(encoding="utf-8", errors="replace")
        opened = open_(home, passphrase_file, key_file)
        choice = resolving.state(opened, escrow, words or "")
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice)
        hand_over(opened)


@app.command()
def evidence(
    escrow: EscrowId,
    files: Annotated[list[Path], typer.Argument(help="At most 8 MiB each.")],
    *,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """Show files in a dispute, to the other two alone.

    Example: tripartite agent evidence 5e5e5e photo.jpg
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        opened = open_(home, passphrase_file, key_file)
        choice, parts = resolving.evidence(opened, escrow, files)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice, parts)
        hand_over(opened)


@app.command()
def rule(
    escrow: EscrowId,
    *,
    winner: Annotated[str | None, typer.Option("--for", help="buyer or vendor")] = None,
    vendor_percent: Annotated[
        str | None, typer.Option(help="The vendor's part, such as 60; the buyer gets the rest.")
    ] = None,
    cosigner: Annotated[
        str | None,
        typer.Option(help="Who signs it with you: buyer or vendor.  [default: who gets more]"),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    yes: Yes = False,
) -> None:
    """As the arbiter: decide a dispute, or replace a ruling that isn't paid out yet.

    Example: tripartite agent rule 5e5e5e --vendor-percent 60
    """
    with exit_codes():
        from tripartite.agent import resolving  # noqa: PLC0415 — see the module's docstring

        if (winner is None) == (vendor_percent is None) or winner not in (None, *_TRADERS):
            raise typer.BadParameter("Give either --for buyer, --for vendor or --vendor-percent.")
        if cosigner not in (None, *_TRADERS):
            raise typer.BadParameter("--cosigner is buyer or vendor.")
        bps = (
            {"buyer": 0, "vendor": ALL_BPS}[winner]
            if winner
            else parse_percent(vendor_percent or "")
        )
        opened = open_(home, passphrase_file, key_file)
        choice = resolving.rule(opened, escrow, bps, Role(cosigner) if cosigner else None)
        show_and_ask(choice, yes=yes)
        resolving.store(opened, choice)
        hand_over(opened)


@app.command()
def case(
    escrow: EscrowId,
    *,
    home: HomeOption = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what was said in a dispute, and keep the files that were shown.

    Whole files whose hash fits are written to the home's directory "evidence". They are somebody
    else's: nothing here opens them, and you should be careful with that too.

    Example: tripartite agent case 5e5e5e
    """
    with exit_codes():
        from tripartite.agent import reading  # noqa: PLC0415 — see the module's docstring

        opened = open_(home, passphrase_file, key_file)
        shown = reading.read_case(opened, escrow)
        opened.journal.close()
        if as_json:
            typer.echo(json.dumps(shown, indent=1))
        else:
            print_case(shown)


_TRADERS: Final = (Role.BUYER.value, Role.VENDOR.value)


def _decide(
    name: str, escrow: str, place: tuple[Path | None, Path | None, Path | None], *, yes: bool
) -> None:
    with exit_codes():
        from tripartite.agent import deciding  # noqa: PLC0415 — see the module's docstring
        from tripartite.agent.decisions import Decision  # noqa: PLC0415 — as above

        opened = open_(*place)
        choice = deciding.choose(opened, escrow, Decision(name))
        show_and_ask(choice, yes=yes)
        deciding.decide(opened, choice, frozenset())
        hand_over(opened)
