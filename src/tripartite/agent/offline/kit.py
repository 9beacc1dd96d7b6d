"""One escrow in one encrypted file: all that its party needs to finish it on an empty machine.

README.txt           what to do, also without this program
terms.json           the agreed terms, and the sealed details as this party could open them
record.json          every signed message, in order: the file that ``settle`` exchanges, too
own.json             this party's own words, address and signed payouts
identity.json        its secret identity keys
wallet/NAME.keys     its share of the escrow's wallet
wallet/wallet.json   the wallet's password and address
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.agent.backup import (
    VERIFIED_KIT,
    Made,
    new_home,
    note_verified,
    put_wallet,
    wallet_keys,
)
from tripartite.agent.decisions import Decisions, OwnPart
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome, create_home, utc_now
from tripartite.agent.intake import Cases
from tripartite.agent.journal import Clock, StoredCase
from tripartite.agent.offline.bundles import Bundle, bundle_json, bundle_of
from tripartite.agent.offline.taking import own_copy, take_over
from tripartite.agent.own_words import RESTORED_AT
from tripartite.agent.ports import Forwarded
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.records import SignedPayout, WalletRef
from tripartite.domain.errors import Refused
from tripartite.domain.money import parse_piconero
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.archive import (
    Archive,
    ArchiveAltered,
    ArchiveMalformed,
    Lock,
    write_archive,
)
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import read_envelope
from tripartite.protocol.identity import Identity

KIND: Final = "kit"

_README: Final = """\
This file holds one party's part of an escrow: whoever reads it can act in that party's name.

With Tripartite (no coordinator is needed):

    tripartite agent restore KIT --home NEW …
    tripartite settle ESCROW --home NEW --node http://127.0.0.1:18081 --to for-the-other

and so on as docs/guides/without-the-coordinator.md says.

Without it: wallet/NAME.keys is a 2-of-3 multisig wallet. Put it into a directory of its own and
open it with monero-wallet-cli and the password in wallet/wallet.json; then the commands
export_multisig_info, import_multisig_info, transfer, sign_multisig and submit_multisig, together
with one of the other two parties, spend what is in it. Nothing checks the payout then but you.
"""


_MOST: Final = 2**31
"""Beyond any attempt and any place in a mailbox."""


@dataclass(frozen=True, slots=True)
class Own:
    """``own.json``: said are text, place and refusal of each message; payouts go by attempt."""

    names: Mapping[Role, str]
    part: OwnPart | None
    said: tuple[tuple[str, int | None, str | None], ...]
    payouts: tuple[tuple[int, SignedPayout], ...]


@dataclass(frozen=True, slots=True)
class KitWallet:
    """``wallet/wallet.json``."""

    name: str
    password: Secret
    address: str
    attempt: int


class KitWithoutWallet(Refused):
    """There is nothing to take out of this escrow yet."""

    code: ClassVar[str] = "kit_without_wallet"


def export_kit(opened: OpenHome, case: StoredCase, path: Path, lock: Lock) -> Made:
    """Write a kit; the agent may be running meanwhile.

    Raises ``KitWithoutWallet``, ``WalletKeysMissing``, what ``opened_details`` and
    ``write_archive`` raise.
    """
    journal, record = opened.journal, case.record
    book = WalletBook(journal, run_id="")
    made_at = journal.stamp()
    ref = book.assigned(case.escrow_id, record.attempt)
    if ref is None or record.address is None:
        raise KitWithoutWallet("Wait for the deposit address, or make a backup of everything.")
    about: dict[str, Json] = {
        "network": opened.network.value,
        "made_at": made_at,
        "escrow_id": case.escrow_id,
        "role": case.role.value,
    }
    wallet: dict[str, Json] = {
        "name": ref.name,
        "password": ref.password.reveal(),
        "address": book.address(case.escrow_id, record.attempt),
        "attempt": record.attempt,
    }
    contents: dict[str, Json] = {
        "terms.json": _terms(opened, case),
        "record.json": bundle_json(Bundle(case.escrow_id, own_copy(journal, case))),
        "own.json": _own(opened, case, book),
        "identity.json": opened.identity.reveal(),
        "wallet/wallet.json": wallet,
    }
    files = {name: json.dumps(content, indent=1).encode() for name, content in contents.items()}
    files["README.txt"] = _README.encode()
    files[f"wallet/{ref.name}.keys"] = wallet_keys(opened.home, ref.name)
    sha256 = write_archive(path, lock, kind=KIND, about=about, files=files)
    return Made(made_at, sha256, 1)


def open_kit(
    archive: Archive,
    directory: Path,
    *,
    passphrase: Secret | None = None,
    key_file: Path | None = None,
    now: Clock = utc_now,
) -> OpenHome:
    """A home with this one escrow, which goes on by files. Every signed message is judged anew.

    Raises ``HomeExists``, ``ArchiveMalformed``, ``ArchiveAltered``, and what ``create_home`` and
    the judging raise.
    """
    if archive.kind != KIND:
        raise ArchiveMalformed("That is no kit.")
    bundle = bundle_of(archive.text("record.json"))
    try:
        own = read_own(json.loads(archive.text("own.json")))
        wallet = read_wallet(json.loads(archive.text("wallet/wallet.json")))
        identity = Identity.restore(json.loads(archive.text("identity.json")))
        network = Network(str(archive.about.get("network")))
    except (ValueError, RecursionError) as error:
        raise ArchiveMalformed("A file in it has another form. Use another copy.") from error
    new_home(directory)
    opened = create_home(
        directory,
        network=network,
        passphrase=passphrase,
        key_file=key_file,
        identity=identity,
        now=now,
    )
    journal = opened.journal
    with journal.commit():
        journal.set_setting(RESTORED_AT, journal.stamp())
        for text, position, refusal in own.said:
            message = read_envelope(text)
            journal.adopt(message)
            journal.answer(bundle.escrow_id, message.seq, position=position, refusal=refusal)
        cases = Cases(journal, identity.public)
        cases.receive(
            Forwarded(bundle.escrow_id, position, text)
            for position, text in enumerate(bundle.copy.texts, start=1)
        )
        case = journal.case(bundle.escrow_id)
        if case is None or case.frozen is not None or case.role is not bundle.copy.holder:
            raise ArchiveAltered("Its messages contradict each other. Use another copy.")
        journal.save_names(case.escrow_id, own.names)
        take_over(journal, case, carried=bundle.copy.carried)
        _give_wallet(opened, case, own, wallet)
    put_wallet(
        opened.home,
        wallet.name,
        wallet.address,
        archive.files.get(f"wallet/{wallet.name}.keys", b""),
    )
    return opened


def verify_kit(opened: OpenHome, archive: Archive, place: Path) -> str:
    """Make a home from the kit in ``place``, look at it, and note that it works.

    When the kit was made. Raises as ``open_kit`` does, and ``ArchiveMalformed`` if it is another
    party's.
    """
    with closing(open_kit(archive, place / "home", key_file=place / "key").journal) as journal:
        (case,) = journal.cases()
        ref = WalletBook(journal, run_id="").assigned(case.escrow_id, case.record.attempt)
        if ref is None or not archive.files.get(f"wallet/{ref.name}.keys"):
            raise ArchiveMalformed("It lacks the wallet's keys. Make another kit.")
        if case.record.role_of(opened.identity.public) is not case.role:
            raise ArchiveMalformed("It belongs to another party.")
    return note_verified(opened.journal, verified_setting(case.escrow_id), archive.about)


def verified_setting(escrow_id: str) -> str:
    """The setting that says when the latest verified kit of an escrow was made."""
    return VERIFIED_KIT + escrow_id


def _terms(opened: OpenHome, case: StoredCase) -> dict[str, Json]:
    details = opened_details(opened.journal, opened.identity, case.record)
    return {
        "contract_id": case.record.contract_id,
        "open": case.record.agreement.to_json(),
        "details": {
            role.value: {"address": part.address.text, "subject": part.subject, "salt": part.salt}
            for role, part in details.items()
        },
    }


def _own(opened: OpenHome, case: StoredCase, book: WalletBook) -> dict[str, Json]:
    part = Decisions(opened.journal).own_part(case.escrow_id)
    said = opened.journal.rows(
        "SELECT text, position, refusal FROM outbox WHERE escrow_id = ? ORDER BY seq",
        (case.escrow_id,),
    )
    signed = opened.journal.rows(
        "SELECT attempt FROM payouts WHERE escrow_id = ? ORDER BY attempt", (case.escrow_id,)
    )
    payouts: list[Json] = []
    for (attempt,) in cast("list[tuple[int]]", signed):
        payout = book.payout(case.escrow_id, attempt)
        assert payout is not None
        payouts.append(
            {
                "attempt": attempt,
                "txid": payout.txid,
                "fee": str(payout.fee),
                "txset": payout.txset,
                "tx": payout.tx_hex,
            }
        )
    return {
        "names": {role.value: name for role, name in case.names.items()},
        "part": None
        if part is None
        else {"address": part.address, "subject": part.subject, "salt": part.salt},
        "said": [
            {"text": text, "position": position, "refusal": refusal}
            for text, position, refusal in cast("list[tuple[str, int | None, str | None]]", said)
        ],
        "payouts": payouts,
    }


def read_own(value: object) -> Own:
    """The party's own words and payouts, from ``own.json``. Raises ``ArchiveMalformed``."""
    match value:
        case {"names": dict(names), "part": part, "said": list(said), "payouts": list(payouts)}:
            pass
        case _:
            raise _malformed()
    roles = {role.value: role for role in Role}
    if any(role not in roles or not isinstance(name, str) for role, name in names.items()):
        raise _malformed()
    return Own(
        names={roles[role]: name for role, name in names.items()},
        part=_read_part(part),
        said=tuple(_read_said(one) for one in said),
        payouts=tuple(_read_payout(one) for one in payouts),
    )


def read_wallet(value: object) -> KitWallet:
    """The wallet's name, password and address. Raises ``ArchiveMalformed``."""
    match value:
        case {
            "name": str(name),
            "password": str(password),
            "address": str(address),
            "attempt": int(attempt),
        } if 0 < attempt < _MOST:
            return KitWallet(name, Secret(password), address, attempt)
        case _:
            raise _malformed()


def _read_part(value: object) -> OwnPart | None:
    match value:
        case None:
            return None
        case {"address": str(address), "subject": None | str() as subject, "salt": str(salt)}:
            return OwnPart(address, subject, salt)
        case _:
            raise _malformed()


def _read_said(value: object) -> tuple[str, int | None, str | None]:
    match value:
        case {
            "text": str(text),
            "position": None | int() as position,
            "refusal": None | str() as refusal,
        } if position is None or 0 < position < _MOST:
            return text, position, refusal
        case _:
            raise _malformed()


def _read_payout(value: object) -> tuple[int, SignedPayout]:
    match value:
        case {
            "attempt": int(attempt),
            "txid": str(txid),
            "fee": str(fee),
            "txset": str(txset),
            "tx": str(tx),
        } if 0 < attempt < _MOST:
            return attempt, SignedPayout(txset, txid, parse_piconero(fee, zero_allowed=True), tx)
        case _:
            raise _malformed()


def _malformed() -> ArchiveMalformed:
    return ArchiveMalformed("A file in it has another form. Use another copy.")


def _give_wallet(opened: OpenHome, case: StoredCase, own: Own, wallet: KitWallet) -> None:
    """The wallet's password, the own part of the terms and what was signed, in the journal."""
    book = WalletBook(opened.journal, run_id="")
    ref = WalletRef(wallet.name, wallet.password)
    book.note(ref)
    book.made(ref.name)
    book.assign(ref.name, case.escrow_id, wallet.attempt)
    book.note_address(ref.name, wallet.address)
    if own.part is not None:
        Decisions(opened.journal).save_own_part(case.escrow_id, own.part)
    for attempt, payout in own.payouts:
        book.save_payout(case.escrow_id, attempt, payout)
