"""One escrow on a devnet, in the words of the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tripartite.devnet import programs
from tripartite.devnet.api import Overview
from tripartite.devnet.community import Community
from tripartite.devnet.network import Devnet
from tripartite.devnet.waiting import Fact, name_of, until
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.lifecycle import PAID_OUT, State
from tripartite.domain.money import ATOMIC, format_xmr
from tripartite.domain.parties import Role
from tripartite.domain.settlement import Recipient
from tripartite.protocol.envelope import Kind, read_envelope

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

    def refund(self) -> None:
        """As the vendor: let the buyer have everything back."""
        self._decide("refund")

    def cancel(self) -> None:
        """Call it off before money."""
        self._decide("cancel")

    def look(self) -> None:
        """Have the agent look at the money now."""
        self.party.run("look", self._escrow_id)

    def settle(self, *, vendor_share: int) -> None:
        """Offer the other trader a split; ``vendor_share`` in piconero."""
        self._decide("settle", "--vendor-share", format_xmr(vendor_share))

    def agree(self, *, vendor_share: int) -> None:
        """Agree to the other trader's split, if it is this one."""
        self._decide("agree", "--vendor-share", format_xmr(vendor_share))

    def carry_out(self, *, vendor_percent: str) -> None:
        """Agree to sign a ruling with the arbiter, if it is this one."""
        self._decide("agree", "--ruling", "--vendor-percent", vendor_percent)

    def dispute(self, reason: str, *evidence: Path) -> None:
        """Call the arbiter."""
        files = [word for one in evidence for word in ("--evidence", str(one))]
        self._decide("dispute", "--reason", reason, *files)

    def state(self, text: str) -> None:
        """Say something in a dispute."""
        self._decide("state", "--text", text)

    def show(self, *files: Path) -> None:
        """Show files in a dispute."""
        self._decide("evidence", *(str(one) for one in files))

    def rule(
        self,
        *,
        winner: Role | None = None,
        vendor_percent: str | None = None,
        cosigner: Role | None = None,
    ) -> None:
        """As the arbiter: decide for one of the two, or split."""
        words = ["--for", winner.value] if winner else ["--vendor-percent", vendor_percent or ""]
        if cosigner is not None:
            words += ["--cosigner", cosigner.value]
        self._decide("rule", *words)

    def case(self) -> Mapping[str, object]:
        """What was said in the dispute, as this party reads it."""
        return self.party.case(self._escrow_id)

    def status(self) -> Mapping[str, object]:
        """What this party's agent shows of the escrow."""
        found = self.party.escrow(self._escrow_id)
        assert found is not None, "ask once it has heard of it"
        return found

    def _decide(self, verb: str, *words: str) -> None:
        self.shown += self.party.decide(verb, self._escrow_id, *words)

    def has_heard(self) -> bool:
        """Whether this party's agent knows of the escrow."""
        return self.party.escrow(self._escrow_id) is not None

    def can_accept(self) -> bool:
        """Whether this party's agent knows of the escrow and who its parties are."""
        return self.party.knows_parties(self._escrow_id)

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
        more: Sequence[str] = (),
    ) -> Deal:
        """The buyer proposes; ``amount`` in piconero, ``more`` words of the command."""
        chosen = community or devnet.community
        traded = subject or f"a bicycle, frame number {secrets.token_hex(4)}"
        escrow_id = chosen[Role.BUYER].propose(
            vendor=chosen[Role.VENDOR],
            arbiter=chosen[Role.ARBITER],
            amount=amount,
            subject=traded,
            more=more,
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
        """Vendor's and arbiter's agents have heard of it, and by whom."""
        return self.vendor.can_accept() and self.arbiter.can_accept()

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

    def is_cancelled(self) -> bool:
        """It was called off."""
        return self.state is State.CANCELLED

    def is_disputed(self) -> bool:
        """The arbiter was called."""
        return self.state is State.DISPUTED

    def is_paid_out(self) -> bool:
        """A payout is final, for the coordinator's node."""
        return self.state in PAID_OUT

    def is_over_for_all(self) -> bool:
        """A payout is final, for each agent's own node too."""
        ended = {state.value for state in PAID_OUT}
        return all(seat.status()["state"] in ended for seat in self.seats.values())

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

    def pay(self, *amounts: int, unlock_time: int = 0) -> str:
        """One deposit with an output per amount (all of it in one by default); not mined yet."""
        paid = amounts or (self.amount,)
        return self.devnet.payer.pay(self.address, paid, unlock_time=unlock_time)

    def look(self) -> None:
        """Both traders want to know what there is; their agents look at it seldom by themselves."""
        for seat in (self.buyer, self.vendor):
            seat.look()

    def fund(self, *amounts: int) -> str:
        """Pay, and mine until the deposit counts. The deposit's transaction id."""
        txid = self.pay(*amounts)
        self.devnet.chain.mine(UNLOCK_DEPTH)
        self.mine_until(self.is_funded)
        return txid

    def finish(self) -> str:
        """From consent to the end, whichever it is. The payout's transaction id."""
        self.until(self.is_broadcast)
        self.devnet.chain.mine(UNLOCK_DEPTH)
        self.mine_until(self.is_paid_out)
        return self.txid

    def mine_until(self, fact: Fact) -> int:
        """Mine whenever nothing happens; the number of blocks mined."""
        return self.devnet.chain.mine_until(
            fact, seconds=PATIENCE, what=name_of(fact), report=self.report
        )

    def received(self, who: Role | Recipient) -> int:
        """What this party's (or the platform's) ordinary wallet got by the payout, in piconero."""
        return self.devnet.purses.received(who, self.txid)

    def receipts(self) -> tuple[int, int, int, int]:
        """What buyer, vendor, arbiter and platform got, and nobody else can have got."""
        buyer, vendor, arbiter, platform = (self.received(who) for who in Recipient)
        return buyer, vendor, arbiter, platform

    def signed_payouts(self) -> int:
        """How many payouts were ever announced."""
        with self.buyer.party.api() as api:
            messages = [read_envelope(text) for text in api.messages(self.escrow_id)]
        return sum(one.kind is Kind.PAYOUT_BROADCAST for one in messages)

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
