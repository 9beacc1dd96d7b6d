"""The clients against real daemons: logins, threads, silence, death and wallet files."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.daemons import (
    NOBODY,
    PASSWORD,
    Wallets,
    chain,
    node,
    refreshed,
    until,
    wallets,
)
from tripartite.domain.addresses import AddressKind, parse_address
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.errors import (
    DaemonUnreachable,
    NotEnoughMoney,
    NothingUnlocked,
    NoWalletOpen,
    PaymentRejected,
    RpcConnectionLost,
    RpcMethodMissing,
    RpcTimedOut,
    RpcUnreachable,
    WalletCannotOpen,
    WalletExists,
    WalletNotMultisig,
    WrongCredentials,
)
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import MonerodProcess, WalletRpcProcess, create_wallet_with_cli
from tripartite.monero.signing import SigningWallet
from tripartite.monero.supervision import free_port
from tripartite.monero.versions import (
    VersionTooOld,
    parse_version,
    require_supported_node,
    require_supported_wallet,
)
from tripartite.monero.wallet_results import Recipient
from tripartite.monero.wallet_rpc import WalletRpc

__all__ = ["chain", "node", "wallets"]  # fixtures, used by name


@pytest.fixture(scope="module")
def wallet(wallets: Wallets, chain: Monerod) -> SigningWallet:
    """An ordinary wallet, made before the chain had any blocks."""
    return wallets.opened("someone")


@contextmanager
def silenced(process: WalletRpcProcess) -> Iterator[None]:
    """The daemon holds its connections and answers nothing."""
    os.kill(process.daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if process.daemon.running:
            os.kill(process.daemon.pid, signal.SIGCONT)


def test_a_node_tells_where_it_stands(chain: Monerod) -> None:
    count = chain.get_block_count()
    (block,) = chain.generate_blocks(1, NOBODY)
    info = chain.get_info()
    assert (info.network, info.height, info.offline) == (Network.REGTEST, count + 1, True)
    header = chain.get_last_block_header()
    assert (header.hash, header.height) == (block, count) == (info.top_block_hash, count)
    assert chain.get_block_header(count) == header
    assert chain.get_block_header(count - 1).hash == header.previous_hash
    assert len(chain.get_fee_estimate().by_priority) == 4
    assert chain.pop_blocks(1) == count


def test_both_daemons_versions_are_known_and_judged(chain: Monerod, wallet: SigningWallet) -> None:
    info, interface, wallets_own = chain.get_info(), chain.get_version(), wallet.get_version()
    require_supported_node(Network.REGTEST, interface, info)
    require_supported_wallet(Network.REGTEST, wallets_own)
    if parse_version(info.version) < parse_version("0.18.3.4"):
        with pytest.raises(VersionTooOld):
            require_supported_node(Network.MAINNET, interface, info)
    if parse_version(info.version) < parse_version("0.18.3.2"):
        with pytest.raises(VersionTooOld):
            require_supported_wallet(Network.MAINNET, wallets_own)


def test_only_the_right_password_is_let_in(wallet: SigningWallet, wallets: Wallets) -> None:
    process = wallets.processes["someone"]
    wrong = Login(process.login.user, Secret("wrong"))
    for login in (wrong, None):
        with WalletRpc(process.url, login) as stranger, pytest.raises(WrongCredentials):
            stranger.get_version()
    assert wallet.get_version().major == 1


def test_one_client_may_be_used_by_many_threads(wallet: SigningWallet) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: wallet.get_address(), range(60)))
    assert len(answers) == 1


def test_two_clients_of_one_daemon_do_not_disturb_each_other(
    wallet: SigningWallet, wallets: Wallets
) -> None:
    other = wallets.client("someone")
    assert [one.get_address() == wallet.get_address() for one in (wallet, other) * 5] == [True] * 10


def test_a_wallets_address_is_one_of_ours(wallet: SigningWallet) -> None:
    address = wallet.get_address()
    assert parse_address(address, Network.REGTEST).kind is AddressKind.STANDARD
    assert wallet.validate_address(address).valid
    mistyped = address[:-1] + ("2" if address.endswith("1") else "1")
    assert not wallet.validate_address(mistyped).valid
    assert not wallet.validate_address(NOBODY).subaddress


def test_wallet_files_are_never_mixed_up(wallets: Wallets, wallet: SigningWallet) -> None:
    files = wallets.start("files")
    with pytest.raises(NoWalletOpen):
        files.get_address()
    with pytest.raises(NoWalletOpen):
        files.store()
    files.create_wallet("first", PASSWORD)
    address = files.get_address()
    with pytest.raises(WalletExists):
        files.create_wallet("first", PASSWORD)
    with pytest.raises(WalletCannotOpen):
        files.open_wallet("nothing", PASSWORD)
    with pytest.raises(WalletCannotOpen):
        files.open_wallet("first", Secret("wrong"))
    files.open_wallet("first", PASSWORD)
    assert files.get_address() == address
    files.close_wallet()
    # 50 times 200 subaddresses take their room: the lean wallet doesn't have them.
    fat, lean = (
        (wallets.directory / at / "wallets" / name).stat().st_size
        for at, name in (("files", "first"), ("someone", "someone"))
    )
    assert lean * 10 < fat
    with pytest.raises(NoWalletOpen):
        files.get_address()


def test_a_lean_wallet_is_never_made_over_another(wallet: SigningWallet, wallets: Wallets) -> None:
    directory, url = wallets.directory / "someone", wallets.node.url
    with pytest.raises(WalletExists):
        create_wallet_with_cli(
            directory, "someone", PASSWORD, node_url=url, network=Network.REGTEST
        )


def test_two_wallets_may_be_made_at_once_in_a_new_place(wallets: Wallets) -> None:
    directory, url = wallets.directory / "pair", wallets.node.url

    def made(name: str) -> bool:
        keys = create_wallet_with_cli(
            directory, name, PASSWORD, node_url=url, network=Network.REGTEST
        )
        return keys.stat().st_size > 0

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(made, ("left", "right"))) == [True, True]
    pair = wallets.start("pair")
    addresses = set()
    for name in ("left", "right"):
        pair.open_wallet(name, PASSWORD)
        addresses.add(pair.get_address())
    assert len(addresses) == 2


def test_a_lean_wallet_is_made_without_hurry(
    wallets: Wallets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in the middle of a key exchange goes first."""
    true = shutil.which("monero-wallet-cli")
    watched = tmp_path / "monero-wallet-cli"
    watched.write_text(f'#!/bin/sh\nnice >{tmp_path}/niceness\nexec {true} "$@"\n')
    watched.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    create_wallet_with_cli(
        wallets.directory / "slow", "slow", PASSWORD,
        node_url=wallets.node.url, network=Network.REGTEST,
    )  # fmt: skip  # what, then where

    assert int((tmp_path / "niceness").read_text()) >= os.nice(0) + 10


def test_a_lean_wallet_is_not_made_without_a_node(wallets: Wallets) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RpcUnreachable):
        create_wallet_with_cli(
            wallets.directory / "x", "x", PASSWORD, node_url=nowhere, network=Network.REGTEST
        )


def test_making_a_wallet_leaves_neither_password_nor_seed_behind(wallets: Wallets) -> None:
    wallet = wallets.opened("tidy")
    wallet.close_wallet()
    directory = wallets.directory / "tidy"
    readable = [path for path in directory.rglob("*") if path.is_file()]
    assert not [path for path in readable if PASSWORD.reveal().encode() in path.read_bytes()]
    assert not list(directory.glob("making-*"))
    login = wallets.processes["tidy"].login.password.reveal().encode()
    assert not [path for path in readable if login in path.read_bytes()]
    assert directory.stat().st_mode & 0o077 == 0


def test_payments_that_cannot_be_are_refused_by_name(wallet: SigningWallet, chain: Monerod) -> None:
    refreshed(wallet, chain)
    with pytest.raises(NothingUnlocked):
        wallet.sweep_all(NOBODY)
    with pytest.raises((NotEnoughMoney, NothingUnlocked)):
        wallet.transfer([Recipient(NOBODY, 1)])
    with pytest.raises(PaymentRejected):
        wallet.transfer([Recipient("nonsense", 1)])
    with pytest.raises(PaymentRejected):
        wallet.transfer([])
    with pytest.raises(WalletNotMultisig):
        wallet.export_multisig_info()


def test_a_silent_daemon_is_waited_for_only_so_long(
    wallet: SigningWallet, wallets: Wallets
) -> None:
    process = wallets.processes["someone"]
    with process.client(timeouts=Timeouts(light=0.3, heavy=0.3)) as impatient:
        with silenced(process), pytest.raises(RpcTimedOut):
            impatient.get_address()
        address = wallet.get_address()
        # A new connection, whose digest nonce is another.
        assert impatient.get_address() == address


def test_a_daemon_that_dies_over_a_question_leaves_its_outcome_open(wallets: Wallets) -> None:
    doomed = wallets.start("doomed")
    doomed.get_version()
    process = wallets.processes["doomed"]
    with silenced(process), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(doomed.get_version)
        until(asked.running)
        process.kill()
        # Killed after the question was sent, or just before.
        assert isinstance(asked.exception(), (RpcConnectionLost, RpcUnreachable))
    with pytest.raises(RpcUnreachable):
        doomed.get_version()


def test_a_wallet_without_its_node_says_so(tmp_path: Path) -> None:
    with MonerodProcess.start(tmp_path / "node") as short_lived:
        lonely = Wallets(tmp_path, short_lived)
        try:
            wallet = lonely.opened("lonely")
            short_lived.stop()
            with pytest.raises(DaemonUnreachable):
                wallet.refresh()
            with pytest.raises(DaemonUnreachable):
                wallet.get_transfers()
        finally:
            lonely.stop()


def test_a_node_that_came_back_is_found_at_the_first_refresh(tmp_path: Path) -> None:
    """The wallet's connection ended with the node, and it notices only when it uses it."""
    with MonerodProcess.start(tmp_path / "node") as first:
        patient = Wallets(tmp_path, first)
        try:
            wallet = patient.opened("patient")
            wallet.refresh()
            first.kill()
            with (
                MonerodProcess.start(tmp_path / "node", port=first.port) as second,
                second.client() as chain,
            ):
                chain.generate_blocks(3, NOBODY)
                assert wallet.refresh().blocks_fetched == 3
        finally:
            patient.stop()


def test_a_node_is_not_taken_for_a_wallet(wallets: Wallets) -> None:
    with WalletRpc(wallets.node.url, None) as client, pytest.raises(RpcMethodMissing):
        client.get_address()
