"""One party's side of one escrow, looked at under its lease: an agent that lives for one look.

The agent's own code does everything; it is put together here around the journal of this escrow and
the wallet-rpc that was registered for it. What it needs between two looks is in the journal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tripartite.agent.decisions import Decisions
from tripartite.agent.desk import Desk, Pace
from tripartite.agent.doctor import Finding, diagnose
from tripartite.agent.examining import gather
from tripartite.agent.home import AgentRunning, OpenHome
from tripartite.agent.intake import Cases
from tripartite.agent.journal import StoredCase
from tripartite.agent.ports import pass_through
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.records import WalletRef
from tripartite.attach.clicks import answer_clicks, take_clicks
from tripartite.attach.endpoints import Endpoints
from tripartite.attach.homes import Homes
from tripartite.attach.leases import Heartbeat, boot_seconds
from tripartite.attach.mailbox import Mailbox
from tripartite.attach.readings import open_for_reader
from tripartite.attach.wallets import AttachedWallets
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.escrows.succeeding import has_relatives, origin_of
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import credentials_of
from tripartite.coordinator.wallets.freezing import tell_freeze
from tripartite.coordinator.wallets.models import AttachedDecision, AttachedIdentity, WalletMapping
from tripartite.coordinator.wallets.words import Click
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network, Role
from tripartite.monero.monerod import Monerod
from tripartite.protocol.next_step import KeyExchange, next_step

_AT_ONCE: Final = timedelta(0)
_BUSY: Final = timedelta(seconds=0.3)
"""Until a home is looked for again that another escrow's look has at this moment."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every look needs."""

    homes: Homes
    endpoints: Endpoints
    heartbeat: Heartbeat
    node: Monerod
    network: Network
    limits: Limits
    pace: Pace
    run_id: str = field(default_factory=lambda: secrets.token_hex(8))
    """Tells what this process exported for a payout from what another one did."""


def work_on(shop: Workshop) -> Callable[[Lease], Again | None]:
    """The handler for ``attached:<escrow>:<role>``."""

    def reconcile(lease: Lease) -> Again | None:
        began = boot_seconds()
        escrow_id, role = keys.read_attached_key(lease.key)
        account = _attached_account(escrow_id, role)
        if account is None:
            return None
        shop.homes.require(account.pk)
        place = _home_of(shop.homes, escrow_id, role)
        try:
            with (
                shop.heartbeat.keeping(lease, began=began),
                shop.homes.escrow(account.pk, place, role) as opened,
            ):
                opened.journal.set_setting("account", account.name)
                return _Look(shop, opened, account, lease).run()
        except AgentRunning:
            if not has_relatives(escrow_id):
                raise
            return Again(_BUSY)

    return reconcile


def _home_of(homes: Homes, escrow_id: str, role: Role) -> str:
    """The escrow whose home a party's agent uses for this one.

    A new arbiter takes part in this one alone. What was begun before homes were shared stays.
    """
    if role is Role.ARBITER or homes.has(escrow_id, role):
        return escrow_id
    return origin_of(escrow_id)


class _Look:
    """One look at one escrow."""

    def __init__(
        self,
        shop: Workshop,
        opened: OpenHome,
        account: Account,
        lease: Lease,
    ) -> None:
        self._shop = shop
        self._opened = opened
        self._lease = lease
        self._escrow_id, self._role = keys.read_attached_key(lease.key)
        self._mailbox = Mailbox(account, lease, network=shop.network, limits=shop.limits)
        self._cases = Cases(opened.journal, opened.identity.public)
        self._book = WalletBook(opened.journal, run_id=shop.run_id)
        self._book.forget_half_made()
        self._mapping = WalletMapping.objects.filter(
            escrow_id=self._escrow_id, role=self._role.value
        ).first()
        self._reconciler = self._make_reconciler()

    def run(self) -> Again | None:
        self._catch_up()
        pause = self._reconcile()
        if take_clicks(self._opened, self._escrow_id, self._role, self._mailbox, self._lease):
            pause = self._reconcile()
        pause = _sooner(pause, self._propose())
        answer_clicks(self._opened, self._escrow_id, self._role, self._lease)
        if (case := self._cases.get(self._escrow_id)) is not None:
            code = None if case.frozen is None else case.frozen.code
            tell_freeze(self._lease, self._escrow_id, self._role, code)
            open_for_reader(self._opened, case, self._lease)
        self._note_wallet()
        if self._cases.is_behind(self._escrow_id):
            return Again(_AT_ONCE)
        return None if pause is None else Again(timedelta(seconds=pause))

    def _catch_up(self) -> None:
        """Also with what was said in the escrow that the money may be moved to, or from."""
        known = {case.escrow_id: case.position for case in self._opened.journal.cases()}
        for escrow_id in {self._escrow_id, *known}:
            messages = self._mailbox.messages(escrow_id, after=known.get(escrow_id, 0))
            self._cases.caught_up(escrow_id, messages)

    def _propose(self) -> float | None:
        """Say proposals that were clicked here; from then on those escrows have their own looks."""
        journal = self._opened.journal
        waiting = {*Decisions(journal).escrows_with_intents(), *journal.escrows_with_unanswered()}
        others = waiting - {self._escrow_id}
        ours = [one for one in others if self._cases.get(one) is None]
        if not ours:
            return None
        # Without a wallet-rpc: the one at hand is another escrow's.
        proposer = Reconciler(self._desk(AttachedWallets(self._shop.endpoints, None)))
        pauses = [proposer.reconcile(one) for one in ours]
        return min((one for one in pauses if one is not None), default=None)

    def _reconcile(self) -> float | None:
        case = self._cases.get(self._escrow_id)
        if self._mapping is None and case is not None and self._wants_wallet(case):
            # Registering wakes this escrow; until then there is nothing to try.
            intents = Decisions(self._opened.journal).next_intent(self._escrow_id)
            if intents is None:
                return None
        return self._reconciler.reconcile(self._escrow_id)

    @staticmethod
    def _wants_wallet(case: StoredCase) -> bool:
        return isinstance(next_step(case.record, case.role), KeyExchange) and bool(case.names)

    def _make_reconciler(self) -> Reconciler:
        shop, opened = self._shop, self._opened
        credentials = None
        if self._mapping is not None:
            credentials = credentials_of(self._mapping)
            self._adopt(WalletRef(credentials.wallet_name, credentials.wallet_password))
        wallets = AttachedWallets(shop.endpoints, credentials)

        def doctor(case: StoredCase) -> tuple[Finding, ...]:
            return diagnose(
                gather(
                    opened.journal,
                    case,
                    shop.node,
                    shop.network,
                    examine=wallets.examine,
                    cached=True,
                )
            )

        return Reconciler(self._desk(wallets), doctor=doctor)

    def _desk(self, wallets: AttachedWallets) -> Desk:
        opened = self._opened
        return Desk(
            identity=opened.identity,
            journal=opened.journal,
            cases=self._cases,
            decisions=Decisions(opened.journal),
            book=self._book,
            wallets=wallets,
            node=self._shop.node,
            coordinator=self._mailbox,
            pace=self._shop.pace,
            at=pass_through,
            warm_wallet=lambda: None,
        )

    def _adopt(self, ref: WalletRef) -> None:
        """The wallet made at the registration is this escrow's first prepared one."""
        if self._opened.journal.rows("SELECT 1 FROM wallets WHERE name = ?", (ref.name,)):
            return
        with self._opened.journal.commit():
            # One that was called off before its key exchange leaves a wallet in another wallet-rpc.
            self._book.set_aside_prepared()
            self._book.note(ref)
            self._book.made(ref.name)

    def _note_wallet(self) -> None:
        """The mapping names the wallet in use: a new key exchange takes a new one."""
        case = self._cases.get(self._escrow_id)
        if self._mapping is None or case is None:
            return
        used = self._book.assigned(self._escrow_id, case.record.attempt)
        if used is None or used.name == self._mapping.wallet_id:
            return
        with fenced(self._lease):
            WalletMapping.objects.filter(pk=self._mapping.pk).update(wallet_id=used.name)


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((pause for pause in (one, other) if pause is not None), default=None)


def _attached_account(escrow_id: str, role: Role) -> Account | None:
    """Whose side it is, if the operator holds that identity."""
    account_id = (
        Participant.objects.filter(escrow_id=escrow_id, role=role.value)
        .values_list("account_id", flat=True)
        .first()
    ) or (
        AttachedDecision.objects.filter(
            escrow_id=escrow_id, role=role.value, decision=Click.PROPOSE.value
        )
        .values_list("account_id", flat=True)
        .first()
    )
    if account_id is None or not AttachedIdentity.objects.filter(pk=account_id).exists():
        return None
    return Account.objects.get(pk=account_id)
