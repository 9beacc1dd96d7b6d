"""Ordinary wallets of ordinary people: one that pays deposits, and one per party to be paid."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tripartite.devnet.chain import Chain, Reached
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.domain.settlement import Recipient
from tripartite.monero.connection import Login
from tripartite.monero.processes import WalletRpcProcess, create_wallet_with_cli
from tripartite.monero.signing import SigningWallet
from tripartite.monero.wallet_results import Balance
from tripartite.monero.wallet_results import Recipient as Payee

# A reward can be spent after 60 blocks (CRYPTONOTE_MINED_MONEY_UNLOCK_WINDOW), a payment hides
# among 15 older outputs. From there on each further block frees another reward.
FIRST_BLOCKS: Final = 80


class Payer:
    """A wallet that is paid for mining, and spends it."""

    def __init__(self, process: WalletRpcProcess, wallet: SigningWallet, address: str) -> None:
        """Use ``start``."""
        self.process = process
        self.address = address
        self._wallet = wallet
        self._turn = threading.Lock()

    @classmethod
    def start(cls, directory: Path, chain: Chain) -> Payer:
        """Make the wallet; it has no money until somebody mines."""
        password = Secret(secrets.token_urlsafe(16))
        create_wallet_with_cli(
            directory, "payer", password, node_url=chain.url, network=Network.REGTEST
        )
        process = WalletRpcProcess.start(directory, node_url=chain.url, network=Network.REGTEST)
        wallet = SigningWallet(process.url, process.login)
        wallet.open_wallet("payer", password)
        wallet.auto_refresh(enable=False)
        return cls(process, wallet, wallet.get_address())

    def pay(self, address: str, amounts: Sequence[int], *, unlock_time: int = 0) -> str:
        """One transaction with one output per amount (piconero); its id. It isn't mined yet."""
        with self._turn:
            self._wallet.refresh()
            recipients = [Payee(address, amount) for amount in amounts]
            return self._wallet.transfer(recipients, unlock_time=unlock_time).txids[0]

    def balance(self) -> Balance:
        """What it has, after a look at the chain."""
        with self._turn:
            self._wallet.refresh()
            return self._wallet.get_balance()

    def stop(self) -> None:
        """End its wallet-rpc in order."""
        self._wallet.close()
        self.process.stop()


class BorrowedPayer:
    """Somebody's own wallet-rpc with a wallet open in it, which pays where nobody can mine."""

    def __init__(self, url: str, login: Login | None) -> None:
        """Ask it for its address. Raises what the wallet answers."""
        self._wallet = SigningWallet(url, login)
        self._turn = threading.Lock()
        self.address = self._wallet.get_address()

    def pay(self, address: str, amount: int) -> str:
        """One transaction over ``amount`` piconero; its id. It isn't mined yet.

        Raises NothingUnlocked: wait until the change of the payments before can be spent.
        """
        with self._turn:
            self._wallet.refresh()
            return self._wallet.transfer([Payee(address, amount)]).txids[0]

    def stop(self) -> None:
        """Hang up; the wallet-rpc is its owner's."""
        self._wallet.close()


class Purses:
    """The parties' own wallets, which payouts go to. One wallet-rpc, which opens one at a time."""

    def __init__(self, process: WalletRpcProcess, wallet: SigningWallet, password: Secret) -> None:
        """Use ``start``."""
        self.process = process
        self._wallet = wallet
        self._password = password
        self._addresses: dict[str, str] = {}
        self._open: str | None = None
        self._turn = threading.Lock()

    @classmethod
    def start(
        cls, directory: Path, chain: Reached, *, network: Network = Network.REGTEST
    ) -> Purses:
        """Make a wallet for everybody who can be paid."""
        process = WalletRpcProcess.start(directory, node_url=chain.url, network=network)
        wallet = SigningWallet(process.url, process.login)
        purses = cls(process, wallet, Secret(secrets.token_urlsafe(16)))
        for who in Recipient:
            purses._make(who.value)
        return purses

    def address(self, who: Role | Recipient) -> str:
        """Where this party, or the platform, wants to be paid."""
        return self._addresses[who.value]

    def received(self, who: Role | Recipient, txid: str) -> int:
        """What their own wallet got by this transaction, in piconero; 0 if nothing yet."""
        return self.income(who).get(txid, 0)

    def income(self, who: Role | Recipient) -> dict[str, int]:
        """Everything their own wallet ever got: piconero by transaction id."""
        with self._turn:
            self._turn_to(who.value)
            found: dict[str, int] = {}
            for one in self._wallet.get_transfers().incoming:
                found[one.txid] = found.get(one.txid, 0) + one.amount
            return found

    def hand_back(self, address: str) -> dict[Recipient, int]:
        """Send all that can be spent to one address; what each wallet sent, fees taken off.

        What came too recently stays: ask again later. Raises what a wallet that sends answers.
        """
        sent: dict[Recipient, int] = {}
        with self._turn:
            for who in Recipient:
                self._turn_to(who.value)
                if self._wallet.get_balance().unlocked:
                    sent[who] = sum(self._wallet.sweep_all(address).amounts)
        return sent

    def stop(self) -> None:
        """End the wallet-rpc in order."""
        self._wallet.close()
        self.process.stop()

    def _turn_to(self, name: str) -> None:
        """Have this wallet open, with everything that is in the chain."""
        if self._open != name:
            self._wallet.open_wallet(name, self._password)
            self._wallet.auto_refresh(enable=False)
            self._open = name
        self._wallet.refresh()

    def _make(self, name: str) -> None:
        self._wallet.create_wallet(name, self._password)
        self._wallet.auto_refresh(enable=False)
        self._addresses[name] = self._wallet.get_address()
        self._open = name
