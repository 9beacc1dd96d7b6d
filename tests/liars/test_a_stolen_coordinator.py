"""The whole coordinator in a thief's hands: database, files and memory, with money in an escrow."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.bindings import crypto_scalarmult_base, crypto_scalarmult_ed25519_base_noclamp
from nacl.signing import SigningKey

from tests.liars.court import Court
from tests.liars.docket import Docket
from tests.liars.lies import lie
from tests.liars.thief import Loot
from tripartite.agent.home import open_home
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.records import WalletRef
from tripartite.devnet.deals import Deal
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.monero.errors import NothingUnlocked
from tripartite.monero.processes import WalletRpcProcess
from tripartite.monero.signing import SigningWallet
from tripartite.protocol.bodies import open_sealed
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.identity import Identity

TRIED = 2
"""With so many keys a wallet is made; with all of them it is worked out what they would open."""


class ThievesWallet(SigningWallet):
    """A client of the thief's own: nothing keeps it from asking for what ours never asks for."""

    METHODS = SigningWallet.METHODS | {"generate_from_keys", "query_key"}


@dataclass(frozen=True)
class Thief:
    """What was taken, and a wallet-rpc to try it with."""

    loot: Loot
    wallet: SigningWallet
    directory: Path


@pytest.fixture(scope="module")
def funded(docket: Docket) -> Deal:
    """With money in it."""
    return docket.at(State.FUNDED)


@pytest.fixture(scope="module")
def thief(funded: Deal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thief]:
    """Takes everything while the coordinator works, right after it answered about the escrow."""
    coordinator = funded.community.coordinator
    for seat in funded.seats.values():
        seat.overview()
    with funded.buyer.party.api() as api:
        api.messages(funded.escrow_id)
    loot = Loot()
    assert coordinator.pid is not None
    loot.add_memory(coordinator.pid)
    loot.add_files(coordinator.directory)
    with _wallet_rpc(funded, tmp_path_factory.mktemp("thief")) as (wallet, directory):
        yield Thief(loot, wallet, directory)


@pytest.fixture(scope="module")
def secrets(funded: Deal, thief: Thief) -> dict[str, bytes]:
    """Everything about this escrow that only the agents may know, by what it is."""
    return _secrets(funded, thief)


def test_the_search_finds_what_the_coordinator_knows(funded: Deal, thief: Thief) -> None:
    """Or else finding nothing would prove nothing."""
    vendor = funded.community[Role.VENDOR]
    public = vendor.identity().public
    known = {
        "the deposit address": funded.address.encode(),
        "the amount": f'"{funded.amount}"'.encode(),
        "the vendor's name": vendor.name.encode(),
        "the vendor's public key": _bytes(public.sign),
    }

    for kind in ("memory", "file"):
        assert thief.loot.only(kind).finds(known).keys() == known.keys(), kind


def test_the_search_finds_a_secret_in_any_spelling() -> None:
    secret = bytes(range(32, 64))
    text = base64.urlsafe_b64encode(b'{"key":"' + base64.b64encode(secret) + b'"}')
    for piece in (
        b"\x00\x07" + secret + b"\x99",
        b"key=" + secret.hex().encode(),
        secret.hex().upper().encode(),
        b"{" + base64.b64encode(secret) + b"}",
        secret.hex().encode("utf-16-le"),
        text,
        base64.urlsafe_b64encode(b'{"sealed":"' + text + b'"}'),
        base64.b64encode(b"something before" + secret + b"something after"),
        base64.urlsafe_b64encode(b'{"all of this is lost":"' + text + b'"}')[9:],
    ):
        assert Loot({"piece": piece}).finds({"secret": secret}), piece
    assert not Loot({"piece": bytes(1_000)}).finds({"secret": secret})


@lie("steals-the-whole-coordinator", by="coordinator", answer="ignored")
def test_nothing_that_the_agents_keep_secret_is_in_the_stolen_coordinator(
    court: Court, secrets: dict[str, bytes], thief: Thief
) -> None:
    assert len(secrets) > 30

    assert thief.loot.finds(secrets) == {}
    assert not [name for name in thief.loot.pieces if name.endswith(".keys")]


@lie("spends-with-what-it-stole", by="coordinator", answer="ignored")
def test_no_key_that_is_in_the_stolen_coordinator_spends_or_speaks(
    court: Court, funded: Deal, secrets: dict[str, bytes], thief: Thief
) -> None:
    candidates = thief.loot.keys()
    assert len(candidates) > 100
    locks = _locks(funded)
    true_key = next(v for name, v in secrets.items() if name.endswith("view key"))
    assert _opened(true_key, locks) == ["the escrow's view key"], "a true key would be noticed"

    assert [_opened(one, locks) for one in candidates if _opened(one, locks)] == []
    # A scalar is below 2^252 + …, so most 32 bytes are none. A wallet takes any that is.
    scalars = [one for one in sorted(candidates) if 0 < one[-1] < 0x10]
    for at, key in enumerate(scalars[:TRIED]):
        thief.wallet._call(
            "generate_from_keys",
            filename=f"stolen-{at}",
            address=funded.address,
            viewkey=key.hex(),
            spendkey=key.hex(),
            password="",
            restore_height=0,
        )
        thief.wallet.refresh()
        with pytest.raises(NothingUnlocked):
            thief.wallet.sweep_all(funded.community[Role.ARBITER].address)
    # Nor does anything that was relayed serve as a transaction.
    for text in court.said(funded)[-5:]:
        with pytest.raises(TripartiteError):
            thief.wallet.submit_multisig(text.encode().hex())

    assert funded.state is State.FUNDED
    assert funded.reported(Role.VENDOR) == 2 * ATOMIC


def _secrets(deal: Deal, thief: Thief) -> dict[str, bytes]:
    found = {"what is traded": deal.subject.encode()}
    identities: dict[Role, Identity] = {}
    for role, seat in deal.seats.items():
        who, party = f"the {role.value}'s", seat.party
        identities[role] = party.identity()
        found[f"{who} payout address"] = party.address.encode()
        for name, value in identities[role].reveal().items():
            assert isinstance(value, dict)
            found[f"{who} secret key for {name}"] = _bytes(str(value["d"]))
        ref = _wallet_of(deal, role)
        found[f"{who} wallet password"] = ref.password.reveal().encode()
        for name, value in _wallet_keys(deal, role, ref, thief).items():
            found[f"{who} {name}"] = value
    for text in _key_exchange(deal):
        message = read_envelope(text)
        reader = identities[message.role.others()[0]]
        info = open_sealed(message, "multisig_info", reader=reader)
        found[f"the {message.role.value}'s message {message.round}"] = info.encode()
    return found


def _wallet_of(deal: Deal, role: Role) -> WalletRef:
    opened = open_home(deal.seats[role].party.home)
    try:
        ref = WalletBook(opened.journal, run_id="").assigned(
            deal.escrow_id, deal.overview().attempt
        )
    finally:
        opened.journal.close()
    assert ref is not None
    return ref


def _wallet_keys(deal: Deal, role: Role, ref: WalletRef, thief: Thief) -> dict[str, bytes]:
    """From a copy of the party's own key file, opened with the party's own password."""
    # Kept twice; either will do.
    file, *_ = sorted(deal.seats[role].party.home.rglob(f"{ref.name}.keys"))
    shutil.copy(file, thief.directory / file.name)
    thief.wallet.open_wallet(ref.name, ref.password)
    assert thief.wallet.get_address() == deal.address
    seed = thief.wallet._call("query_key", key_type="mnemonic").text("key")
    keys = {
        f"{name} key": bytes.fromhex(
            thief.wallet._call("query_key", key_type=f"{name}_key").text("key")
        )
        for name in ("spend", "view")
    }
    thief.wallet.close_wallet()
    return {**keys, "seed": seed.encode()}


def _key_exchange(deal: Deal) -> list[str]:
    with deal.buyer.party.api() as api:
        texts = api.messages(deal.escrow_id)
    return [text for text in texts if read_envelope(text).kind is Kind.KEY_EXCHANGE]


def _locks(deal: Deal) -> dict[bytes, str]:
    """Public keys whose secret key would let a thief do something."""
    address = parse_address(deal.address, Network.REGTEST)
    locks = {address.spend_key: "the escrow's spend key", address.view_key: "the escrow's view key"}
    for role, seat in deal.seats.items():
        public = seat.party.identity().public
        locks[_bytes(public.sign)] = f"the {role.value}'s signature"
        locks[_bytes(public.seal)] = f"the {role.value}'s seal"
    return locks


def _opened(key: bytes, locks: dict[bytes, str]) -> list[str]:
    """What a secret key would open: as Monero's, as Ed25519's and as X25519's."""
    publics = [bytes(SigningKey(key).verify_key), crypto_scalarmult_base(key)]
    if any(key):
        publics.append(crypto_scalarmult_ed25519_base_noclamp(key))
    return [locks[public] for public in publics if public in locks]


@contextmanager
def _wallet_rpc(deal: Deal, directory: Path) -> Iterator[tuple[SigningWallet, Path]]:
    chain = deal.devnet.chain
    with (
        WalletRpcProcess.start(directory, node_url=chain.url, network=Network.REGTEST) as process,
        ThievesWallet(process.url, process.login) as wallet,
    ):
        yield wallet, process.wallets


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
