"""Three parties who trade through a coordinator, with real keys and the real protocol.

A ``Deal`` folds every message it says with ``protocol.admission``, as an agent does, so what it
says next always fits.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.test import Client
from monero.seed import Seed  # type: ignore[import-untyped]  # makes addresses, without type hints

from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.pairing import pair
from tripartite.coordinator.accounts.tokens import caller_of, issue_token
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import ConfirmationTiers, Report
from tripartite.domain.key_exchange import SECRET_ROUNDS, Round
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import Deadlines, Details, Terms
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.agreement import Agreement, write_details
from tripartite.protocol.bodies import write_report, write_txset
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, place, write_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.pairing import write_card
from tripartite.protocol.record import Record, transcript
from tripartite.protocol.sealing import seal

ORIGIN = "http://127.0.0.1:8700"
AMOUNT = 1_500_000_000_000
TXID = "ab" * 32
TX = "00ff"
KEY_IMAGE = "1e" * 32


@dataclass(frozen=True)
class Answer:
    """A response: status and JSON body."""

    status: int
    body: Any  # whatever JSON came; each test knows what it asked for
    headers: Mapping[str, str]


class Api:
    """A client of the API, in process, with one token or none."""

    def __init__(self, token: str | None = None) -> None:
        # A failing view answers 500, as it would on the network.
        self._client = Client(raise_request_exception=False)
        self.token = token

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, body: object, *, key: str | None = None) -> Answer:
        return self.send("POST", path, body, key=key)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> Answer:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = "" if body is None else json.dumps(body)
        response = self._client.generic(
            method,
            path,
            data,
            content_type="application/json",
            headers=headers,
            SERVER_NAME="127.0.0.1",
        )
        text = response.content.decode()
        return Answer(
            response.status_code, json.loads(text) if text else None, dict(response.headers)
        )


@dataclass(frozen=True)
class Person:
    """An account with a token and, for parties, a paired identity."""

    name: str
    account_id: int
    identity: Identity
    api: Api

    @property
    def token(self) -> str:
        assert self.api.token is not None
        return self.api.token


def open_account(name: str, *, paired: bool = True, admin: bool = False) -> Person:
    """An account opened behind the API: no password hash to wait for."""
    account = Account(name=name, is_staff=admin, created_at=now())
    account.set_unusable_password()
    identity = Identity.generate()
    with write_transaction():
        account.save()
        token = issue_token(account, "test").text
    if paired:
        card = write_card(identity, account=name, coordinator=ORIGIN, issued_at=now())
        pair(caller_of(token), card, origin=ORIGIN, remember=lambda _: None)
    return Person(name, account.pk, identity, Api(token))


@dataclass
class Market:
    """A buyer, a vendor and an arbiter, all paired."""

    people: dict[Role, Person] = field(
        default_factory=lambda: {role: open_account(role.value) for role in Role}
    )

    def deal(self, *, amount: int = AMOUNT) -> Deal:
        """A deal that nobody has heard of yet."""
        return Deal({role: one.identity for role, one in self.people.items()}, amount=amount)

    def proposed_deal(self, *, amount: int = AMOUNT) -> Deal:
        """A deal that is on record as proposed."""
        deal = self.deal(amount=amount)
        answer = self.people[Role.BUYER].api.post("/api/escrow", {"envelope": deal.propose()})
        assert answer.status == 201, answer.body
        return deal

    def post(self, deal: Deal, role: Role, text: str) -> Answer:
        """Say something that was written beforehand."""
        return self.people[role].api.post(
            f"/api/escrow/{deal.escrow_id}/messages", {"envelope": text}
        )

    def say(self, deal: Deal, role: Role, kind: Kind, **options: Any) -> Answer:  # noqa: ANN401 — those of Deal.write
        """Write, post, and fold what was accepted."""
        text = deal.write(role, kind, **options)
        answer = self.post(deal, role, text)
        assert answer.status == 201, answer.body
        deal.fold(text)
        return answer

    def attested_deal(self) -> Deal:
        """A deal whose deposit address all three have attested."""
        deal = self.proposed_deal()
        for role, kind, options in deal.until_attested():
            self.say(deal, role, kind, **options())
        return deal

    def broadcast_deal(self, txid: str = TXID) -> Deal:
        """A deal whose payout was handed to the network."""
        deal = self.attested_deal()
        for role in (Role.BUYER, Role.VENDOR):
            self.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
        self.say(deal, Role.BUYER, Kind.RELEASE)
        self.pay_out(deal, txid)
        return deal

    def pay_out(self, deal: Deal, txid: str, *, attempt: int = 1) -> None:
        """Both sign, and the vendor hands the payout to the network."""
        for role in (Role.BUYER, Role.VENDOR):
            self.say(
                deal,
                role,
                Kind.PAYOUT_INFO,
                **deal.sealed(role, Kind.PAYOUT_INFO, round_=1, attempt=attempt),
            )
        built = deal.sealed(Role.BUYER, Kind.PAYOUT_TXSET, round_=2, attempt=attempt)
        built["body"] = write_txset(built["body"], [KEY_IMAGE])
        self.say(deal, Role.BUYER, Kind.PAYOUT_TXSET, **built)
        self.say(
            deal,
            Role.VENDOR,
            Kind.PAYOUT_BROADCAST,
            body={"txid": txid, "tx": TX},
            attempt=attempt,
            round_=3,
        )

    def disputed_deal(self) -> Deal:
        """A deal with money in it, about which the buyer has called the arbiter."""
        deal = self.attested_deal()
        for role in (Role.BUYER, Role.VENDOR):
            self.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
        reason = deal.sealed(Role.BUYER, Kind.DISPUTE, round_=0, attempt=0)
        self.say(deal, Role.BUYER, Kind.DISPUTE, **reason)
        return deal


class Deal:
    """One escrow as its parties see it."""

    def __init__(
        self,
        identities: Mapping[Role, Identity],
        *,
        amount: int = AMOUNT,
        network: Network = Network.REGTEST,
    ) -> None:
        self.identities = identities
        self.escrow_id = secrets.token_hex(16)
        self.amount = amount
        self.agreement = Agreement(
            terms=Terms(
                escrow_id=self.escrow_id,
                network=network,
                amount=amount,
                proposer=Role.BUYER,
                fees=FeeRule(NetworkFeeBearer.PAYEE, 0, 0),
                fee_allowance=0,
                platform_address=None,
                confirmations=ConfirmationTiers(),
                deadlines=Deadlines(),
            ),
            parties={role: identity.public for role, identity in identities.items()},
        )
        self.record: Record | None = None
        self.addresses: dict[Role, str] = {}
        """Where each is paid, once said."""

    def propose(self) -> str:
        """A new proposal, folded as the first message."""
        self.record = None
        text = self.write(
            Role.BUYER,
            Kind.PROPOSE,
            body={"terms": self.agreement.to_json(), "details": self._details(Role.BUYER)},
        )
        self.record = open_record(text).record
        return text

    def until_attested(self) -> list[tuple[Role, Kind, Any]]:
        """Role, kind and options (made when it is their turn) of all messages up to the address."""
        said: list[tuple[Role, Kind, Any]] = [
            (role, Kind.ACCEPT, lambda role=role: {"body": self._acceptance(role)})
            for role in (Role.VENDOR, Role.ARBITER)
        ]
        said += [(role, Kind.SIGN_TERMS, dict) for role in Role]
        for this in SECRET_ROUNDS:
            said += [
                (
                    role,
                    Kind.KEY_EXCHANGE,
                    lambda role=role, this=this: self.sealed(
                        role, Kind.KEY_EXCHANGE, round_=int(this)
                    ),
                )
                for role in Role
            ]
        address = new_address()
        said += [
            (
                role,
                Kind.ATTEST,
                lambda: {
                    "body": {"address": address, "transcript": transcript(self._known())},
                    "attempt": 1,
                    "round_": int(Round.ATTEST),
                },
            )
            for role in Role
        ]
        return said

    def sealed(self, role: Role, kind: Kind, *, round_: int, attempt: int = 1) -> dict[str, Any]:
        """Options of a message with sealed content."""
        where = place(self.escrow_id, attempt=attempt, round_=round_, role=role, kind=kind)
        readers = [self.identities[other].public for other in role.others()]
        # About as long as the real ones.
        content: dict[str, Json] = {"multisig_info": secrets.token_hex(300)}
        return {
            "body": {"sealed": seal(content, readers=readers, place=where)},
            "attempt": attempt,
            "round_": round_,
        }

    def write(
        self,
        role: Role,
        kind: Kind,
        *,
        body: Mapping[str, Json] | None = None,
        attempt: int = 0,
        round_: int = 0,
        seq: int | None = None,
        signer: Role | None = None,
    ) -> str:
        """The next envelope of ``role``, not yet said."""
        head = None if self.record is None else self.record.heads.get(role)
        return write_envelope(
            self.identities[signer or role],
            escrow_id=self.escrow_id,
            contract_id=None if self.record is None else self.record.contract_id,
            role=role,
            kind=kind,
            seq=seq or (head.seq + 1 if head else 1),
            prev=head.digest if head else None,
            body=body or {},
            attempt=attempt,
            round_=round_,
        )

    def fold(self, text: str) -> None:
        """Take a message into the own record."""
        self.record = admit(self._known(), text).record

    def _known(self) -> Record:
        assert self.record is not None
        return self.record

    def _acceptance(self, role: Role) -> dict[str, Json]:
        return {"proposal": self._known().proposal, "details": self._details(role)}

    def _details(self, role: Role) -> dict[str, Json]:
        kind = Kind.PROPOSE if role is Role.BUYER else Kind.ACCEPT
        details = Details(
            role=role,
            address=parse_address(self.addresses.setdefault(role, new_address()), Network.REGTEST),
            subject="a bicycle" if role is Role.BUYER else None,
            salt=secrets.token_hex(16),
        )
        where = place(self.escrow_id, attempt=0, round_=0, role=role, kind=kind)
        return write_details(details, self.agreement, place=where)


def new_address() -> str:
    """A fresh, valid address; regtest has mainnet's prefixes."""
    return str(Seed().public_address())


def report(confirmed: int, *, height: int = 100) -> dict[str, Json]:
    """The body of a deposit report."""
    return write_report(Report(confirmed=confirmed, pending=0, locked=0, height=height))


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """The results of calls that start together, each in its own thread and connection."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def call(number: int) -> None:
        barrier.wait()
        try:
            results[number] = calls[number]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results
