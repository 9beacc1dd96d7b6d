"""A home that was lost comes back, and knows what it doesn't know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pyrage
import pytest

from tests.unit.agent.market import NOW, TXID, Market, Trader
from tests.unit.agent.test_settling_by_files import copy_of, go_on
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.backup import (
    VERIFIED,
    BackupUnsound,
    WalletKeysMissing,
    back_up,
    restore,
    verify,
)
from tripartite.agent.decisions import Decision
from tripartite.agent.home import HomeExists, OpenHome, open_home
from tripartite.agent.offline.bundles import Bundle
from tripartite.agent.offline.kit import (
    KitWithoutWallet,
    export_kit,
    open_kit,
    verified_setting,
    verify_kit,
)
from tripartite.agent.offline.settling import begin, carry_on, make_desk
from tripartite.agent.own_words import OwnWordsForged
from tripartite.agent.status import status
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.notes import Nonces, Notebook
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.archive import ArchiveAltered, ArchiveMalformed, Key, Lock, read_archive

IDENTITY = pyrage.x25519.Identity.generate()
LOCK = Lock(recipients=(str(IDENTITY.to_public()),))
KEY = Key(identity=Secret(str(IDENTITY)))
PASSPHRASE = Secret("open sesame")


@pytest.fixture
def funded(market: Market) -> Market:
    """A funded escrow whose wallets have key files, as those of wallet-rpc would."""
    market.fund()
    for trader in market.traders.values():
        ref = WalletBook(trader.opened.journal, run_id="").assigned(ESCROW_ID, 1)
        assert ref is not None
        files = WalletFiles(trader.opened.home.wallets)
        (files.wallets / f"{ref.name}.keys").write_bytes(b"keys of " + ref.name.encode())
        (files.wallets / ref.name).write_bytes(b"cache")
    return market


def restored(trader: Trader, archive: Path, place: Path) -> OpenHome:
    restore(read_archive(archive, KEY), place, now=lambda: NOW)
    return open_home(place, passphrase=PASSPHRASE, now=lambda: NOW)


def says_backed_up(trader: Trader) -> bool:
    """What its status says of the one escrow."""
    shown = cast("list[dict[str, object]]", status(trader.opened.journal, running=False)["escrows"])
    return bool(shown[0]["backed_up"])


def from_kit(archive: Path, place: Path) -> OpenHome:
    place.mkdir()
    return open_kit(
        read_archive(archive, KEY), place / "home", key_file=place / "key", now=lambda: NOW
    )


def test_a_restored_home_has_everything_but_caches(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    made = back_up(vendor.opened, tmp_path / "file", LOCK)

    again = restored(vendor, tmp_path / "file", tmp_path / "new")

    assert made.wallets == 1
    assert again.identity.public == vendor.opened.identity.public
    case, before = again.journal.case(ESCROW_ID), vendor.case
    assert case is not None
    assert case.record == before.record
    ref = WalletBook(again.journal, run_id="").assigned(ESCROW_ID, 1)
    assert ref is not None
    files = WalletFiles(again.home.wallets)
    assert (files.wallets / f"{ref.name}.keys").read_bytes() == b"keys of " + ref.name.encode()
    assert not (files.wallets / ref.name).exists()
    note = Notebook(again.home.wallets / "notes").read(ref.name)
    assert (note.address, note.nonces) == (before.record.address, Nonces.NONE)
    again.journal.close()


def test_a_verified_backup_is_noted_and_ends_the_warning(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    assert not says_backed_up(vendor)

    made = back_up(vendor.opened, tmp_path / "file", LOCK)
    assert verify(vendor.opened, read_archive(tmp_path / "file", KEY)) == made.made_at

    assert vendor.opened.journal.setting(VERIFIED) == made.made_at
    assert says_backed_up(vendor)


def test_a_backup_of_somebody_else_verifies_nothing(funded: Market, tmp_path: Path) -> None:
    back_up(funded.buyer.opened, tmp_path / "file", LOCK)

    with pytest.raises(BackupUnsound):
        verify(funded.vendor.opened, read_archive(tmp_path / "file", KEY))


def test_a_wallet_whose_keys_are_elsewhere_is_missed(funded: Market, tmp_path: Path) -> None:
    for keys in funded.vendor.opened.home.wallets.rglob("*.keys"):
        keys.unlink()

    with pytest.raises(WalletKeysMissing):
        back_up(funded.vendor.opened, tmp_path / "file", LOCK)


def test_a_home_is_never_written_over(funded: Market, tmp_path: Path) -> None:
    back_up(funded.vendor.opened, tmp_path / "file", LOCK)

    with pytest.raises(HomeExists):
        restore(read_archive(tmp_path / "file", KEY), funded.vendor.directory)


def test_a_decision_that_was_not_said_yet_is_asked_for_again(
    funded: Market, tmp_path: Path
) -> None:
    funded.buyer.decide(Decision.RELEASE)
    back_up(funded.buyer.opened, tmp_path / "file", LOCK)

    again = restored(funded.buyer, tmp_path / "file", tmp_path / "new")

    assert (
        make_desk(
            again, "x", funded.buyer.node, funded.buyer.wallets
        ).decisions.escrows_with_intents()
        == []
    )
    again.journal.close()


def test_a_restored_agent_takes_its_own_later_words_for_its_own(
    funded: Market, tmp_path: Path
) -> None:
    """What it said between the backup and the loss comes back from the coordinator."""
    buyer = funded.buyer
    back_up(buyer.opened, tmp_path / "file", LOCK)
    buyer.decide(Decision.RELEASE)
    funded.settle()
    buyer.opened.journal.close()

    buyer.opened = restored(buyer, tmp_path / "file", tmp_path / "new")
    buyer.put_together("run-new")
    buyer.hear()

    assert buyer.case.frozen is None
    assert buyer.case.record == funded.record
    assert "own_words_adopted" in buyer.alarms


def test_once_it_has_spoken_again_unknown_words_are_forged(funded: Market, tmp_path: Path) -> None:
    """The old home still runs somewhere: the restored one notices."""
    buyer = funded.buyer
    back_up(buyer.opened, tmp_path / "file", LOCK)
    old, directory = buyer.opened, tmp_path / "new"
    buyer.opened = restored(buyer, tmp_path / "file", directory)
    buyer.put_together("run-new")
    buyer.wallets.deposit(2)
    buyer.seconds += 10_000
    buyer.work()
    buyer.opened.journal.close()

    buyer.opened = old
    buyer.put_together("run-old")
    buyer.hear()

    assert buyer.case.frozen is not None
    assert buyer.case.frozen.code == OwnWordsForged.code


def test_a_restored_signer_exports_afresh(funded: Market, tmp_path: Path) -> None:
    """A round that was under way at the backup is thrown away, whoever has gone on since."""
    buyer, vendor = funded.buyer, funded.vendor
    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    go_on(vendor, buyer)
    back_up(vendor.opened, tmp_path / "file", LOCK)
    go_on(buyer, vendor)
    vendor.opened.journal.close()

    vendor.opened = restored(vendor, tmp_path / "file", tmp_path / "new")
    again = go_on(vendor, buyer, run_id="files-new")

    assert again.said[-2:] == ("payout_restart", "payout_info")
    assert "cosign" not in vendor.wallets.calls
    go_on(buyer, vendor)
    assert go_on(vendor, buyer, run_id="files-new").txid == TXID


# Kits


def test_a_kit_is_enough_to_finish_on_an_empty_machine(funded: Market, tmp_path: Path) -> None:
    buyer, vendor = funded.buyer, funded.vendor
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)
    vendor.opened.journal.close()
    vendor.opened = from_kit(tmp_path / "kit", tmp_path / "machine")

    buyer.decide(Decision.RELEASE)
    go_on(buyer)
    go_on(vendor, buyer)
    go_on(buyer, vendor)
    paid = go_on(vendor, buyer)

    assert paid.txid == TXID
    assert paid.case.record.state is State.RELEASING


def test_a_kit_says_nothing_before_it_has_heard_another_party(
    funded: Market, tmp_path: Path
) -> None:
    """Its party may have said more since the kit was made, and a number must not be used twice."""
    vendor = funded.vendor
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)
    opened = from_kit(tmp_path / "kit", tmp_path / "machine")
    desk = make_desk(opened, "x", vendor.node, vendor.wallets)
    desk.decisions.decide(
        ESCROW_ID, Decision.REFUND, {"contract_id": vendor.case.record.contract_id}
    )

    silent = carry_on(desk, ESCROW_ID, begin(opened.journal, ESCROW_ID, []))
    assert (silent.listening, silent.said) == (True, ())

    go_on(funded.buyer)
    heard = begin(opened.journal, ESCROW_ID, [Bundle(ESCROW_ID, copy_of(funded.buyer))])
    desk = make_desk(opened, "x", vendor.node, vendor.wallets)
    assert carry_on(desk, ESCROW_ID, heard).said[-2:] == ("refund", "payout_info")
    opened.journal.close()


def test_a_kit_older_than_the_last_words_hears_them_first(funded: Market, tmp_path: Path) -> None:
    buyer, vendor = funded.buyer, funded.vendor
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)
    vendor.decide(Decision.REFUND)
    go_on(vendor)
    go_on(buyer, vendor)
    vendor.opened.journal.close()

    vendor.opened = from_kit(tmp_path / "kit", tmp_path / "machine")
    standing = go_on(vendor, buyer, run_id="new")

    assert standing.case.record.state is State.REFUNDING
    assert standing.said[-2:] == ("payout_restart", "payout_info")


def test_a_verified_kit_is_noted(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    made = export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)

    verify_kit(vendor.opened, read_archive(tmp_path / "kit", KEY), tmp_path)

    assert vendor.opened.journal.setting(verified_setting(ESCROW_ID)) == made.made_at


def test_a_kit_holds_no_other_escrow_and_no_token(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    vendor.opened.journal.set_secret("token", Secret("the token"))
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)

    archive = read_archive(tmp_path / "kit", KEY)
    terms = json.loads(archive.text("terms.json"))

    assert not any(b"the token" in content for content in archive.files.values())
    assert terms["details"]["buyer"]["subject"] == "a bicycle"
    assert set(terms["details"]) == {role.value for role in Role}


def test_there_is_no_kit_before_there_is_a_wallet(market: Market, tmp_path: Path) -> None:
    market.propose()
    market.buyer.work()

    with pytest.raises(KitWithoutWallet):
        export_kit(market.buyer.opened, market.buyer.case, tmp_path / "kit", LOCK)


def test_a_kit_whose_record_was_changed_is_refused(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)
    archive = read_archive(tmp_path / "kit", KEY)
    record = json.loads(archive.text("record.json"))
    record["messages"][-1], record["messages"][-3] = record["messages"][-3], record["messages"][-1]
    files = {**archive.files, "record.json": json.dumps(record).encode()}
    changed = type(archive)(archive.kind, archive.about, files)

    with pytest.raises(ArchiveAltered):
        open_kit(changed, tmp_path / "home", key_file=tmp_path / "key")


def test_kits_and_backups_are_not_mistaken_for_each_other(funded: Market, tmp_path: Path) -> None:
    vendor = funded.vendor
    export_kit(vendor.opened, vendor.case, tmp_path / "kit", LOCK)
    back_up(vendor.opened, tmp_path / "file", LOCK)

    with pytest.raises(ArchiveMalformed):
        restore(read_archive(tmp_path / "kit", KEY), tmp_path / "new")
    with pytest.raises(ArchiveMalformed):
        open_kit(read_archive(tmp_path / "file", KEY), tmp_path / "new", key_file=tmp_path / "k")
