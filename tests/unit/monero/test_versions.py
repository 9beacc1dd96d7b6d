"""Real money needs daemons without the multisig bugs we know of."""

from __future__ import annotations

import dataclasses

import pytest

from tripartite.domain.parties import Network
from tripartite.monero.monerod import NodeInfo, NodeVersion
from tripartite.monero.versions import (
    Version,
    VersionTooOld,
    VersionUnreadable,
    least_release,
    open_weaknesses,
    parse_version,
    require_supported_node,
    require_supported_wallet,
)
from tripartite.monero.wallet_results import WalletVersion

INFO = NodeInfo(
    network=Network.MAINNET, height=1, target_height=0, top_block_hash="", synchronized=True,
    offline=False, untrusted=False, pool_size=0, version="",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.18.0.0-unknown", (0, 18, 0, 0)),
        ("v0.18.3.4-release", (0, 18, 3, 4)),
        ("0.18.10.0", (0, 18, 10, 0)),
        ("0.18.3.4-abc1234.dirty", (0, 18, 3, 4)),
    ],
)
def test_versions_are_read(text: str, numbers: tuple[int, int, int, int]) -> None:
    assert parse_version(text) == Version(numbers)


@pytest.mark.parametrize("text", ["", "0.18", "0.18.3.4.5", "0.18.3.x", "-1.0.0.0", "0.18.3.4 "])
def test_other_texts_are_no_versions(text: str) -> None:
    with pytest.raises(VersionUnreadable):
        parse_version(text)


def test_versions_compare_as_numbers() -> None:
    assert parse_version("0.18.10.0") > parse_version("0.18.9.9")
    assert str(parse_version("v0.18.3.4-release")) == "0.18.3.4"


@pytest.mark.parametrize("minor", [25, 26, 27, 30])
def test_an_old_wallet_may_hold_test_money_but_no_real_money(minor: int) -> None:
    version = WalletVersion(1, minor, release=True)
    require_supported_wallet(Network.REGTEST, version)
    require_supported_wallet(Network.STAGENET, version)
    with pytest.raises(VersionTooOld) as refusal:
        require_supported_wallet(Network.MAINNET, version)
    assert "a crash after signing could reuse a nonce" in refusal.value.detail
    assert refusal.value.facts["oldest"] == "0.18.5.1"


@pytest.mark.parametrize("number", [(1, 31), (1, 99), (2, 0)])
def test_a_newer_wallet_may_hold_real_money(number: tuple[int, int]) -> None:
    require_supported_wallet(Network.MAINNET, WalletVersion(*number, release=True))


def test_nothing_before_0_18_is_used_anywhere() -> None:
    with pytest.raises(VersionTooOld):
        require_supported_wallet(Network.REGTEST, WalletVersion(1, 24, release=True))
    with pytest.raises(VersionTooOld):
        require_supported_node(Network.REGTEST, NodeVersion(3, 9, release=True), INFO)


def test_a_restricted_node_is_judged_by_its_interface() -> None:
    require_supported_node(Network.MAINNET, NodeVersion(3, 14, release=True), INFO)
    with pytest.raises(VersionTooOld):
        require_supported_node(Network.MAINNET, NodeVersion(3, 13, release=True), INFO)


def test_a_node_that_tells_its_release_is_judged_by_that_too() -> None:
    node = NodeVersion(3, 14, release=True)
    told = dataclasses.replace(INFO, version="0.18.3.3-release")
    require_supported_node(Network.STAGENET, node, told)
    with pytest.raises(VersionTooOld):
        require_supported_node(Network.MAINNET, node, told)


def test_an_interface_number_bounds_the_release_from_below() -> None:
    assert least_release(WalletVersion(1, 27, release=True)) == Version((0, 18, 3, 2))
    assert least_release(WalletVersion(9, 0, release=True)) == Version((0, 18, 5, 1))
    assert least_release(WalletVersion(1, 2, release=True)) is None
    assert least_release(NodeVersion(3, 14, release=True)) == Version((0, 18, 3, 4))


def test_the_newest_release_has_no_weakness_we_know_of() -> None:
    assert open_weaknesses(Version((0, 18, 5, 1))) == ()
    assert len(open_weaknesses(Version((0, 18, 0, 0)))) == 5
