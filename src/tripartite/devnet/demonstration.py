"""One escrow from proposal to ``completed``, told step by step, and its claims checked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol, cast

from tripartite.devnet.claims import Claim, check_claims
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.waiting import Fact
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import Tampered
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role

SUBJECT: Final = "a bicycle, blue, frame number WTU-0417"


class DemonstrationDeviates(Tampered):
    """The demonstration ended otherwise than it should."""

    code: ClassVar[str] = "demonstration_deviates"


class Audience(Protocol):
    """Who watches."""

    def begins(self, phase: str) -> None:
        """A phase begins."""

    def ends(self, phase: str, seconds: float) -> None:
        """It is over."""

    def says(self, role: Role, what: str) -> None:
        """A party said something."""

    def happens(self, what: str) -> None:
        """Something else is known now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Money in piconero, times in seconds."""

    escrow_id: str
    contract_id: str
    state: State
    amount: int
    fee: int
    received: int
    address: str
    txid: str
    confirmations: int
    phases: Mapping[str, float]
    claims: tuple[Claim, ...]

    def deviations(self) -> list[str]:
        """What isn't as it should be; nothing, if all went well."""
        found = [claim.complaint for claim in self.claims if not claim.holds]
        if self.state is not State.COMPLETED:
            found.append(f"the escrow is {self.state.value}, not completed")
        if self.received != self.amount - self.fee:
            found.append(
                f"the vendor received {self.received} piconero, not {self.amount} - {self.fee}"
            )
        if self.confirmations < UNLOCK_DEPTH:
            found.append(f"the payout has {self.confirmations} confirmations, not {UNLOCK_DEPTH}")
        return found

    def to_json(self) -> dict[str, object]:
        """Plain values; money as decimal strings."""
        return {
            "escrow_id": self.escrow_id,
            "contract_id": self.contract_id,
            "state": self.state.value,
            "amount": str(self.amount),
            "fee": str(self.fee),
            "received": str(self.received),
            "address": self.address,
            "txid": self.txid,
            "confirmations": self.confirmations,
            "seconds": {phase: round(seconds, 3) for phase, seconds in self.phases.items()},
            "claims": [claim.to_json() for claim in self.claims],
            "deviations": self.deviations(),
        }


@dataclass
class _Stage:
    """The audience, the clock, and how far the event log was told."""

    audience: Audience
    phases: dict[str, float] = field(default_factory=dict)
    cursor: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        self.audience.begins(name)
        began = time.monotonic()
        yield
        self.phases[name] = time.monotonic() - began
        self.audience.ends(name, self.phases[name])

    def watched(self, deal: Deal, fact: Fact) -> Fact:
        """``fact``, telling the audience the news each time it is asked for."""

        def look() -> bool:
            true = fact()
            self.tell(deal)
            return true

        return look

    def tell(self, deal: Deal) -> None:
        """What the coordinator's event log has that wasn't told yet."""
        with deal.buyer.party.api() as api:
            events, self.cursor = api.events(after=self.cursor)
        for event in events:
            data = cast("Mapping[str, object]", event["data"])
            if event["escrow_id"] != deal.escrow_id:
                continue
            if event["type"] == "MessageRelayed":
                self.audience.says(Role(str(data["role"])), str(data["kind"]).replace("_", " "))
            elif event["type"] == "EscrowStatusChanged":
                self.audience.happens(f"{data['from']} → {data['to']}")


def perform(devnet: Devnet, audience: Audience, *, amount: int, start_seconds: float) -> Outcome:
    """Run one escrow over ``amount`` piconero.

    ``start_seconds`` is what the network took to start. Raises FactNeverCame, CommandFailed.
    """
    stage = _Stage(audience, {"start the network": start_seconds})
    with stage.phase("agree on terms"):
        deal = Deal.propose(devnet, amount=amount, subject=SUBJECT)
        deal.until(stage.watched(deal, deal.is_proposed_to_all))
        deal.vendor.accept()
        deal.arbiter.accept()
        deal.until(stage.watched(deal, deal.is_agreed))
    with stage.phase("make the 2-of-3 wallet"):
        deal.until(stage.watched(deal, deal.is_keyed))
    audience.happens(f"deposit address {deal.address}")
    with stage.phase("deposit and 10 confirmations"):
        deposit = deal.pay()
        audience.happens(f"the buyer pays, transaction {deposit}")
        deal.until(stage.watched(deal, deal.is_seen_pending))
        devnet.chain.mine(UNLOCK_DEPTH)
        deal.mine_until(stage.watched(deal, deal.is_funded))
    with stage.phase("release and payout"):
        deal.buyer.release()
        deal.until(stage.watched(deal, deal.is_broadcast))
    audience.happens(f"the payout is transaction {deal.txid}")
    with stage.phase("10 confirmations of the payout"):
        devnet.chain.mine(UNLOCK_DEPTH)
        deal.mine_until(stage.watched(deal, deal.is_completed))
    with stage.phase("check what everybody knows"):
        return _outcome(deal, stage.phases)


def _outcome(deal: Deal, phases: Mapping[str, float]) -> Outcome:
    overview = deal.overview()
    with deal.buyer.party.api() as api:
        contract_id = str(api.get(f"/api/escrow/{deal.escrow_id}")["contract_id"])
    return Outcome(
        escrow_id=deal.escrow_id,
        contract_id=contract_id,
        state=overview.state,
        amount=deal.amount,
        fee=deal.payout_fee(),
        received=deal.received(Role.VENDOR),
        address=deal.address,
        txid=deal.txid,
        confirmations=overview.confirmations,
        # Shared on purpose: the phase that checks the claims ends after this.
        phases=phases,
        claims=check_claims(deal),
    )
