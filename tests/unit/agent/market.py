"""Three agents without daemons and threads: real journals, keys and messages, a coordinator and
wallets of paper. ``Market.settle`` lets everybody work until nobody has anything to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.protocol.trade import (
    ADDRESSES,
    DEPOSIT_ADDRESS,
    ESCROW_ID,
    KEY_IMAGE,
    terms,
)
from tripartite.agent.decisions import Decision, Decisions
from tripartite.agent.desk import Desk, Pace
from tripartite.agent.home import OpenHome, create_home, open_home
from tripartite.agent.intake import Cases
from tripartite.agent.journal import StoredCase
from tripartite.agent.keyring import Stretching
from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.ports import AtBoundary, Boundary, Forwarded, Placed, pass_through
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.speaking import MessageRefused
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.health import Health
from tripartite.agent.wallets.records import BuiltPayout, Sighting, SignedPayout, WalletRef
from tripartite.domain.deposits import Output
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.monerod import (
    FoundTransactions,
    KeyImageStatus,
    KnownTransaction,
    Submission,
)
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.envelope import read_envelope
from tripartite.protocol.record import Record

TXID = "ab" * 32
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = Stretching(time_cost=1, memory_kib=8, lanes=1)
SALT = "00" * 16


class PowerCut(BaseException):
    """The process dies here."""


class LineLost(Unavailable):
    """The answer never came."""

    code = "test_line_lost"


@dataclass
class PaperCoordinator:
    """Judges and keeps messages as the real one does, and may be told to misbehave."""

    records: dict[str, Record] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    answers_to_lose: int = 0
    refusals: list[str] = field(default_factory=list)
    arbiters: dict[str, str] = field(default_factory=dict)
    on_post: Callable[[str], None] = lambda _: None

    def propose(self, text: str) -> Placed:
        escrow_id = read_envelope(text).escrow_id
        self.received.append(text)
        self._refuse_if_told()
        if escrow_id not in self.records:
            self.records[escrow_id] = open_record(text).record
            self.texts[escrow_id] = [text]
        return self._answer(1)

    def post(self, escrow_id: str, text: str) -> Placed:
        self.received.append(text)
        self.on_post(text)
        self._refuse_if_told()
        if text in self.texts[escrow_id]:
            return self._answer(self.texts[escrow_id].index(text) + 1)
        try:
            admission = admit(self.records[escrow_id], text)
        except TripartiteError as error:
            raise MessageRefused(error.detail, reason=error.code) from error
        self.records[escrow_id] = admission.record
        self.texts[escrow_id].append(text)
        return self._answer(len(self.texts[escrow_id]))

    def messages(self, escrow_id: str, *, after: int) -> Sequence[Forwarded]:
        found = self.texts.get(escrow_id, [])
        return [Forwarded(escrow_id, n, t) for n, t in enumerate(found, start=1) if n > after]

    def names(self, escrow_id: str) -> Mapping[Role, str]:
        named = {role: f"{role.value}-account" for role in Role}
        return {**named, Role.ARBITER: self.arbiters.get(escrow_id, named[Role.ARBITER])}

    def _refuse_if_told(self) -> None:
        if self.refusals:
            reason = self.refusals.pop(0)
            raise MessageRefused("As the test wishes.", reason=reason)

    def _answer(self, position: int) -> Placed:
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise LineLost("Nobody knows whether it arrived.")
        return Placed(position)


@dataclass
class PaperWallets:
    """Wallets that answer at once and note what they were asked."""

    sighting: Sighting = field(default_factory=lambda: Sighting((), 100, 1_700_000_000))
    calls: list[str] = field(default_factory=list)
    trouble: dict[str, list[TripartiteError]] = field(default_factory=dict)
    address: str = DEPOSIT_ADDRESS
    plans: list[PayoutPlan] = field(default_factory=list)
    made: int = 0
    spending: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    late: Sighting = field(default_factory=lambda: Sighting((), 200, 1_700_000_000))
    images: tuple[KeyImageStatus, ...] = (KeyImageStatus.SPENT_IN_CHAIN,)
    import_needed: bool = False
    earlier: int | None = None
    in_later: Sighting = field(default_factory=lambda: Sighting((), 120, 1_700_000_000))

    def new_ref(self) -> WalletRef:
        self.made += 1
        return WalletRef(f"wallet-{id(self):x}-{self.made}", Secret(f"password {self.made}"))

    def make(self, ref: WalletRef, *, at_once: bool = False) -> None:
        self._called("make")

    def warm(self, ref: WalletRef) -> bool:
        return True

    def prepare_multisig(self, ref: WalletRef) -> str:
        self._called("prepare")
        return f"prepared {ref.name}"

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        self._called("make_multisig")
        return f"made {ref.name}"

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        self._called("exchange")
        return f"exchanged {ref.name}"

    def finish(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        self._called("finish")
        return self.address

    def deposits(self, ref: WalletRef) -> Sighting:
        self._called("deposits")
        is_later = self.earlier is not None and int(ref.name.rpartition("-")[2]) > self.earlier
        return self.in_later if is_later else self.sighting

    def left_over(self, ref: WalletRef, infos: Sequence[str], *, after: int) -> Sighting:
        self._called("left_over")
        return self.late

    def export_info(self, ref: WalletRef) -> str:
        self._called("export_info")
        return "aa"

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout:
        self._called("build")
        self.plans.append(plan)
        return BuiltPayout("bb", (KEY_IMAGE,))

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        self._called("cosign")
        self.plans.append(plan)
        on_signed(SignedPayout("cc", TXID, 30))
        self._called("submit")
        return SignedPayout("cc", TXID, 30, "dd")

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str:
        self._called("resubmit")
        return TXID

    def spent_by(self, ref: WalletRef) -> tuple[str, ...]:
        self._called("spent_by")
        return self.spending

    def examine(self, ref: WalletRef, infos: Sequence[str] = ()) -> Health:
        self._called("examine")
        self.learned += tuple(infos)
        return Health(120, self.import_needed, 0, self.images)

    def deposit(self, amount: int, *, height: int | None = 101, top: int = 120) -> None:
        """Money at the address."""
        self.sighting = Sighting((Output("ef" * 32, 0, amount, height),), top, 1_700_000_000)

    def begin_anew(self) -> None:
        """Wallets made from now on hold ``in_later``."""
        self.earlier = self.made

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.trouble.get(name):
            raise self.trouble[name].pop(0)


@dataclass
class PaperNode:
    """A node that knows at most one transaction."""

    confirmations: int | None = None
    sent: list[str] = field(default_factory=list)
    takes: bool = True
    spends: str = KEY_IMAGE
    images: dict[str, KeyImageStatus] = field(default_factory=dict)
    asked: int = 0

    def get_transactions(self, txids: Sequence[str], *, prune: bool = False) -> FoundTransactions:
        if self.confirmations is None:
            return FoundTransactions((), tuple(txids))
        one = KnownTransaction(
            txids[0], False, 130, self.confirmations, False, "dd", (self.spends,)
        )
        return FoundTransactions((one,), ())

    def is_key_image_spent(self, key_images: Sequence[str]) -> tuple[KeyImageStatus, ...]:
        self.asked += 1
        return tuple(self.images.get(one, KeyImageStatus.UNSPENT) for one in key_images)

    def send_raw_transaction(self, blob: str) -> Submission:
        self.sent.append(blob)
        return Submission(self.takes, self.takes, frozenset())


@dataclass
class Trader:
    """One agent."""

    role: Role
    directory: Path
    coordinator: PaperCoordinator
    wallets: PaperWallets
    node: PaperNode
    opened: OpenHome
    seconds: float = 0.0
    at: AtBoundary = pass_through
    desk: Desk = field(init=False)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.put_together("run-1")

    def put_together(self, run_id: str) -> None:
        journal = self.opened.journal
        self.desk = Desk(
            identity=self.opened.identity,
            journal=journal,
            cases=Cases(journal, self.opened.identity.public),
            decisions=Decisions(journal),
            book=WalletBook(journal, run_id=run_id),
            wallets=self.wallets,
            node=self.node,
            coordinator=self.coordinator,
            pace=Pace(),
            at=self.pass_boundary,
            warm_wallet=lambda: None,
        )
        self.reconciler = Reconciler(self.desk, monotonic=lambda: self.seconds)

    def pass_boundary(self, boundary: Boundary) -> None:
        self.at(boundary)

    def restart(self) -> None:
        """The process died; another one opens the same home."""
        self.opened.journal.close()
        self.opened = open_home(self.directory, passphrase=Secret("open sesame"), now=lambda: NOW)
        self.at = pass_through
        self.put_together(f"run-{id(self.opened):x}")

    def hear(self) -> None:
        """Everything the coordinator has."""
        for escrow_id, record in self.coordinator.records.items():
            if self.opened.identity.public not in record.parties.values():
                continue
            case = self.desk.cases.get(escrow_id)
            after = case.position if case else 0
            self.desk.cases.receive(self.coordinator.messages(escrow_id, after=after))

    def work(self, escrow_id: str = ESCROW_ID) -> float | None:
        return self.reconciler.reconcile(escrow_id)

    def decide(self, decision: Decision, escrow_id: str = ESCROW_ID) -> int:
        """What the command line stores."""
        content: dict[str, str | None] = {
            "address": ADDRESSES[self.role],
            "subject": None,
            "salt": SALT,
        }
        case = self.desk.cases.get(escrow_id)
        if case is not None:
            content |= {"proposal": case.record.proposal, "contract_id": case.record.contract_id}
        return self.desk.decisions.decide(escrow_id, decision, content)

    @property
    def case(self) -> StoredCase:
        found = self.desk.cases.get(ESCROW_ID)
        assert found is not None
        return found

    @property
    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.opened.journal.alarms()]


class Market:
    """A coordinator and three agents."""

    def __init__(self, directory: Path) -> None:
        self.coordinator = PaperCoordinator()
        self.traders = {role: self._trader(role, directory) for role in Role}
        self.buyer, self.vendor, self.arbiter = (self.traders[role] for role in Role)

    def _trader(self, role: Role, directory: Path) -> Trader:
        opened = create_home(
            directory / role.value,
            network=Network.REGTEST,
            passphrase=Secret("open sesame"),
            stretching=QUICK,
            now=lambda: NOW,
        )
        return Trader(
            role,
            directory / role.value,
            self.coordinator,
            PaperWallets(),
            PaperNode(),
            opened,
        )

    @property
    def record(self) -> Record:
        return self.coordinator.records[ESCROW_ID]

    def propose(self) -> int:
        """The buyer decides to propose."""
        agreement = Agreement(
            terms(), {role: one.opened.identity.public for role, one in self.traders.items()}
        )
        return self.buyer.desk.decisions.decide(
            ESCROW_ID,
            Decision.PROPOSE,
            {
                "terms": agreement.to_json(),
                "address": ADDRESSES[Role.BUYER],
                "subject": "a bicycle",
                "salt": SALT,
            },
        )

    def settle(self) -> None:
        """Let everybody hear and work until nothing moves."""
        before = -1
        while before != len(self.coordinator.received):
            before = len(self.coordinator.received)
            for trader in self.traders.values():
                trader.hear()
                trader.work()

    def agree(self) -> None:
        """To ``accepted`` and, as agents go on by themselves, to ``awaiting_deposit``."""
        self.propose()
        self.buyer.work()
        for trader in (self.vendor, self.arbiter):
            trader.hear()
            trader.decide(Decision.ACCEPT)
        self.settle()

    def fund(self) -> None:
        """To ``funded``."""
        self.agree()
        for trader in self.traders.values():
            trader.wallets.deposit(terms().amount_due)
            trader.seconds += 1_000
        self.settle()

    def release(self) -> None:
        """To a payout in the pool."""
        self.fund()
        self.buyer.decide(Decision.RELEASE)
        self.settle()


def dies_at(*boundaries: Boundary, times: int = 1) -> AtBoundary:
    """A process that ends at one of these places."""
    left = [times]

    def die(boundary: Boundary) -> None:
        if boundary in boundaries and left[0] > 0:
            left[0] -= 1
            raise PowerCut

    return die
