"""Three parties who speak the protocol without wallets: the words are real, the keys are real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import ConfirmationTiers, Report
from tripartite.domain.key_exchange import Round
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import Deadlines, Details, Terms
from tripartite.protocol.admission import Admission, admit, open_record
from tripartite.protocol.agreement import Agreement, write_details
from tripartite.protocol.bodies import write_report, write_txset
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, place, write_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import Record, transcript
from tripartite.protocol.sealing import seal

ESCROW_ID = "5e" * 16

# Addresses of throw-away mainnet-form wallets, made for these tests.
ADDRESSES = {
    Role.BUYER: "4AviUmt5oSMVxkosxu8akjFyakpTLYxEgPpsgKTx3dqdCm5Lz1y7u4UYAagxtYnLCcdwLdT1dn5XE9Dvn8ZDqm4sFT4D5Ua",
    Role.VENDOR: "47bBPiLjxPCAVWhVJf25fDWNroMXhEyvrET8GPxhqZWw5b7NCJJzgnQiV1VYXLi213iTtLE5MkMFG7DBueJ1zDib4V46MzG",
    Role.ARBITER: "475vFtLy1Zegu7TCxBQyBWda9f9abfNsv8gr2XSFTZThXpctaz4bmPk3QZtnPtZMUA7FgWQZ632wvdvjWkLTBoh5G7cQrs1",
}
DEPOSIT_ADDRESS = "44C7HApNizAg8Uk74zDVmwKWARnLSedsB91k5t3ULWHR2vjn3p3iPmU2DTN731zCyx8MHqJue9DfeJb4xxdJB73AKL51nPi"
OTHER_ADDRESS = "42nHFf5P8ZJifrUVadkuBbKnjyKc3cH9ECpqetLoxLeNLv5PDTFJ2hFVTBejRXpjUAcouERPXA33C5ohKvuKXYxj2m2GXbB"


KEY_IMAGE = "1e" * 32


def terms(**changes: object) -> Terms:
    """Plain terms for one XMR on regtest."""
    values: dict[str, object] = {
        "escrow_id": ESCROW_ID,
        "network": Network.REGTEST,
        "amount": ATOMIC,
        "proposer": Role.BUYER,
        "fees": FeeRule(NetworkFeeBearer.PAYEE, 100, 0),
        "fee_allowance": 0,
        "platform_address": None,
        "confirmations": ConfirmationTiers(),
        "deadlines": Deadlines(),
    }
    return Terms(**{**values, **changes})  # type: ignore[arg-type]  # names checked by Terms


@dataclass
class Trade:
    """One escrow between three identities; ``say`` writes and admits the next message."""

    identities: Mapping[Role, Identity] = field(
        default_factory=lambda: {role: Identity.generate() for role in Role}
    )
    terms: Terms = field(default_factory=terms)
    record: Record | None = None
    log: list[Admission] = field(default_factory=list)

    @property
    def agreement(self) -> Agreement:
        """The open part with everybody's public identity."""
        return Agreement(self.terms, {r: i.public for r, i in self.identities.items()})

    @property
    def now(self) -> Record:
        """The record, once there is one."""
        assert self.record is not None
        return self.record

    def write(
        self,
        role: Role,
        kind: Kind,
        body: Mapping[str, Json],
        *,
        attempt: int = 0,
        round_: int = 0,
        **changes: object,
    ) -> str:
        """The envelope an honest ``role`` would write next; ``changes`` make it dishonest."""
        head = self.record.heads.get(role) if self.record else None
        fields: dict[str, object] = {
            "escrow_id": self.terms.escrow_id,
            "contract_id": self.record.contract_id
            if self.record and kind not in (Kind.PROPOSE, Kind.ACCEPT)
            else None,
            "role": role,
            "kind": kind,
            "seq": head.seq + 1 if head else 1,
            "prev": head.digest if head else None,
            "body": body,
            "attempt": attempt,
            "round_": round_,
        }
        signer = changes.pop("signer", self.identities[role])
        return write_envelope(signer, **{**fields, **changes})  # type: ignore[arg-type]  # names checked there

    def hear(self, text: str) -> Admission:
        """Admit ``text`` and go on from there."""
        admission = open_record(text) if self.record is None else admit(self.record, text)
        self.record = admission.record
        self.log.append(admission)
        return admission

    def say(
        self,
        role: Role,
        kind: Kind,
        body: Mapping[str, Json] | None = None,
        *,
        attempt: int = 0,
        round_: int = 0,
    ) -> Admission:
        """Write and admit."""
        return self.hear(self.write(role, kind, body or {}, attempt=attempt, round_=round_))

    def details(self, role: Role, kind: Kind) -> dict[str, Json]:
        """The sealed part of ``role`` as an honest agent writes it."""
        subject = "a bicycle" if role is self.terms.proposer else None
        part = Details(
            role, parse_address(ADDRESSES[role], Network.REGTEST), subject, salt="00" * 16
        )
        spot = place(self.terms.escrow_id, attempt=0, round_=0, role=role, kind=kind)
        return write_details(part, self.agreement, place=spot)

    def propose(self) -> Admission:
        """The buyer proposes."""
        body: dict[str, Json] = {
            "terms": self.agreement.to_json(),
            "details": self.details(Role.BUYER, Kind.PROPOSE),
        }
        return self.say(Role.BUYER, Kind.PROPOSE, body)

    def accept(self, role: Role) -> Admission:
        """``role`` gives its part."""
        body: dict[str, Json] = {
            "proposal": self.now.proposal,
            "details": self.details(role, Kind.ACCEPT),
        }
        return self.say(role, Kind.ACCEPT, body)

    def agree(self) -> None:
        """From nothing to ``accepted``."""
        self.propose()
        for role in (Role.VENDOR, Role.ARBITER):
            self.accept(role)
        for role in Role:
            self.say(role, Kind.SIGN_TERMS)

    def sealed(
        self, role: Role, kind: Kind, field: str, value: str, *, attempt: int, round_: int
    ) -> dict[str, Json]:
        """A body with one text sealed to the two others."""
        spot = place(self.terms.escrow_id, attempt=attempt, round_=round_, role=role, kind=kind)
        readers = [self.identities[other].public for other in role.others()]
        return {"sealed": seal({field: value}, readers=readers, place=spot)}

    def exchange(self, role: Role, this: Round) -> Admission:
        """``role`` speaks in a sealed round of the present attempt."""
        attempt = self.now.attempt
        body = self.sealed(
            role,
            Kind.KEY_EXCHANGE,
            "multisig_info",
            f"{role.value} {int(this)}",
            attempt=attempt,
            round_=this,
        )
        return self.say(role, Kind.KEY_EXCHANGE, body, attempt=attempt, round_=this)

    def attest(self, role: Role, address: str = DEPOSIT_ADDRESS) -> Admission:
        """``role`` attests what it saw."""
        body: dict[str, Json] = {"address": address, "transcript": transcript(self.now)}
        return self.say(role, Kind.ATTEST, body, attempt=self.now.attempt, round_=Round.ATTEST)

    def key(self) -> None:
        """From ``accepted`` to ``awaiting_deposit``."""
        for this in (Round.PREPARE, Round.MAKE, Round.EXCHANGE):
            for role in Role:
                self.exchange(role, this)
        for role in Role:
            self.attest(role)

    def report(self, role: Role, confirmed: int, *, pending: int = 0) -> Admission:
        """``role``'s wallet reports."""
        report = Report(confirmed=confirmed, pending=pending, locked=0, height=120)
        return self.say(role, Kind.DEPOSIT_REPORT, write_report(report))

    def fund(self) -> None:
        """From ``awaiting_deposit`` to ``funded``."""
        for role in (Role.BUYER, Role.VENDOR):
            self.report(role, self.terms.amount_due)

    def dispute(self, role: Role) -> Admission:
        """``role`` calls the arbiter."""
        return self.say(
            role, Kind.DISPUTE, self.sealed(role, Kind.DISPUTE, "text", "?", attempt=0, round_=0)
        )

    def txset(self, role: Role, *, attempt: int, value: str = "00") -> dict[str, Json]:
        """A body of ``payout_txset`` that spends one output."""
        sealed = self.sealed(role, Kind.PAYOUT_TXSET, "txset", value, attempt=attempt, round_=2)
        return write_txset(sealed, [KEY_IMAGE])

    def pay(self, txid: str = "ab" * 32) -> None:
        """From consent to a payout that was handed to the network."""
        payout = self.now.payout
        assert payout is not None
        k = payout.attempt
        for role in payout.signers:
            body = self.sealed(role, Kind.PAYOUT_INFO, "multisig_info", "info", attempt=k, round_=1)
            self.say(role, Kind.PAYOUT_INFO, body, attempt=k, round_=1)
        body = self.txset(payout.builder, attempt=k)
        self.say(payout.builder, Kind.PAYOUT_TXSET, body, attempt=k, round_=2)
        broadcast: dict[str, Json] = {"txid": txid, "tx": "00"}
        self.say(payout.cosigner, Kind.PAYOUT_BROADCAST, broadcast, attempt=k, round_=3)
