"""One escrow on a devnet, in the words of the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from tripartite.devnet import programs
from tripartite.devnet.api import Overview
from tripartite.devnet.community import Community
from tripartite.devnet.network import Devnet
from tripartite.devnet.waiting import Fact, name_of, until
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC, format_xmr
from tripartite.domain.parties import Role

# Far more than anything takes on two busy cores; who waits that long wants the report.
PATIENCE: Final = 180.0


class Seat:
    """One party's place in one escrow: what this party decides about it, by its own commands."""

    def __init__(self, community: Community, role: Role, escrow_id: str) -> None:
        """The party in ``role`` takes part in the escrow."""
        self.party = community[role]
        self._others = [community[other] for other in role.others()]
        self._escrow_id = escrow_id
        self.shown = ""
        """What this party's commands showed before it decided."""

    def accept(self) -> None:
        """Give this party's part of the terms."""
        self.shown += self.party.accept(self._escrow_id, others=self._others)

    def release(self) -> None:
        """As the buyer: let the vendor have the money."""
        self.shown += self.party.release(self._escrow_id)

    def cancel(self) -> None:
        """Call it off, before any money."""
        self.shown += self.party.cancel(self._escrow_id)

    def has_heard(self) -> bool:
        """Whether this party's agent knows of the escrow."""
        return self.party.escrow(self._escrow_id) is not None

    def alarms(self) -> list[str]:
        """The codes of what this party's agent refused to believe."""
        return self.party.alarms(self._escrow_id)

    def standing(self) -> str:
        """What this party's agent says of the escrow, for people."""
        return f"{self.party.escrow(self._escrow_id)} alarms {self.alarms()}"

    def overview(self) -> Overview:
        """What the coordinator tells this party."""
        with self.party.api() as api:
            return api.escrow(self._escrow_id)


class Deal:
    """One escrow: who takes part, how it stands, and the money that goes in and out."""

    def __init__(
        self, devnet: Devnet, community: Community, escrow_id: str, *, amount: int, subject: str
    ) -> None:
        """Use ``propose``."""
        self.devnet = devnet
        self.community = community
        self.escrow_id = escrow_id
        self.amount = amount
        self.subject = subject
        self.buyer, self.vendor, self.arbiter = (Seat(community, role, escrow_id) for role in Role)

    @classmethod
    def propose(
        cls,
        devnet: Devnet,
        community: Community | None = None,
        *,
        amount: int = 2 * ATOMIC,
        subject: str | None = None,
    ) -> Deal:
        """The buyer proposes; ``amount`` in piconero."""
        chosen = community or devnet.community
        traded = subject or f"a bicycle, frame number {secrets.token_hex(4)}"
        escrow_id = chosen[Role.BUYER].propose(
            vendor=chosen[Role.VENDOR],
            arbiter=chosen[Role.ARBITER],
            amount=amount,
            subject=traded,
        )
        deal = cls(devnet, chosen, escrow_id, amount=amount, subject=traded)
        deal.until(deal.is_proposed)
        return deal

    @property
    def seats(self) -> Mapping[Role, Seat]:
        """All three."""
        return dict(zip(Role, (self.buyer, self.vendor, self.arbiter), strict=True))

    def overview(self) -> Overview:
        """What the coordinator tells the buyer."""
        return self.buyer.overview()

    # Facts

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.overview().state

    def is_proposed(self) -> bool:
        """The coordinator has the proposal."""
        with self.buyer.party.api() as api:
            return api.ask("GET", f"/api/escrow/{self.escrow_id}").status == 200

    def is_proposed_to_all(self) -> bool:
        """Vendor's and arbiter's agents have heard of it."""
        return self.vendor.has_heard() and self.arbiter.has_heard()

    def is_agreed(self) -> bool:
        """All three signed the same terms."""
        return self.state is not State.CREATED

    def is_keying(self) -> bool:
        """The key exchange has begun and isn't over."""
        return self.state is State.KEYING

    def is_keyed(self) -> bool:
        """All three attested the same address."""
        return self.overview().address is not None

    def is_seen_pending(self) -> bool:
        """Both traders' wallets report money that isn't confirmed yet."""
        reports = self.overview().reports.values()
        return len([report for report in reports if report.pending]) > 1

    def is_funded(self) -> bool:
        """The deposit is confirmed."""
        return self.state is State.FUNDED

    def is_broadcast(self) -> bool:
        """A payout was handed to the network."""
        return self.overview().txid is not None

    def is_completed(self) -> bool:
        """The vendor was paid, finally."""
        return self.state is State.COMPLETED

    def reported(self, role: Role) -> int:
        """What this party's agent last reported as confirmed, in piconero."""
        report = self.overview().reports.get(role)
        return 0 if report is None else report.confirmed

    @property
    def address(self) -> str:
        """The deposit address."""
        address = self.overview().address
        assert address is not None, "ask once it is keyed"
        return address

    @property
    def txid(self) -> str:
        """The payout's transaction id."""
        txid = self.overview().txid
        assert txid is not None, "ask once it is broadcast"
        return txid

    # Steps

    def until(self, fact: Fact, *, what: str | None = None, seconds: float = PATIENCE) -> None:
        """Wait for a fact; whoever waits in vain reads how everything stands."""
        until(fact, seconds=seconds, what=what, report=self.report)

    def accept(self) -> None:
        """Vendor and arbiter accept, once they have heard of it."""
        self.until(self.is_proposed_to_all)
        for seat in (self.vendor, self.arbiter):
            seat.accept()

    def pay(self, *amounts: int) -> str:
        """One deposit with an output per amount (all of it in one by default); not mined yet."""
        return self.devnet.payer.pay(self.address, amounts or (self.amount,))

    def fund(self, *amounts: int) -> str:
        """Pay, and mine until the deposit counts. The deposit's transaction id."""
        txid = self.pay(*amounts)
        self.devnet.chain.mine(UNLOCK_DEPTH)
        self.mine_until(self.is_funded)
        return txid

    def finish(self) -> str:
        """From consent to ``completed``. The payout's transaction id."""
        self.until(self.is_broadcast)
        self.devnet.chain.mine(UNLOCK_DEPTH)
        self.mine_until(self.is_completed)
        return self.txid

    def mine_until(self, fact: Fact) -> int:
        """Mine whenever nothing happens; the number of blocks mined."""
        return self.devnet.chain.mine_until(
            fact, seconds=PATIENCE, what=name_of(fact), report=self.report
        )

    def received(self, role: Role) -> int:
        """What this party's own ordinary wallet got by the payout, in piconero."""
        return self.devnet.purses.received(role, self.txid)

    def payout_fee(self) -> int:
        """What the payout's transaction cost, in piconero."""
        return self.devnet.chain.fee(self.txid)

    def report(self) -> str:
        """How everything stands, and the last lines of every log."""
        return f"{self.standing()}\n{programs.log_tails(self.devnet.directory)}"

    def standing(self) -> str:
        """The record, who waits on whom, and what each agent says."""
        lines = [f"escrow {self.escrow_id}, {format_xmr(self.amount)} XMR"]
        lines.append(_told("coordinator", lambda: str(self.overview())))
        for role, seat in self.seats.items():
            lines.append(_told(f"{role.value}'s agent", seat.standing))
        lines.append(f"chain: {self.devnet.chain.height} blocks")
        return "\n".join(lines)


def _told(who: str, ask: Callable[[], str]) -> str:
    try:
        return f"{who}: {ask()}"
    except Exception as error:  # noqa: BLE001 — a report about trouble must not fail by it
        return f"{who} doesn't say: {error!r}"
