"""Writing in a party's name by hand, to see what becomes of words that no honest agent says."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from tests.functional.kit.market import Market
from tripartite.devnet.api import Answer
from tripartite.devnet.deals import Deal
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, write_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.record import Record


class Pen:
    """Holds one party's identity, and writes what comes next in its chain unless told otherwise."""

    def __init__(self, deal: Deal, role: Role, identity: Identity) -> None:
        self._deal = deal
        self._role = role
        self._identity = identity

    def write(self, kind: Kind, body: Mapping[str, Json], **changes: object) -> str:
        """The next envelope; ``changes`` make it dishonest, ``signer`` among them."""
        record = record_of(self._deal)
        head = record.heads.get(self._role)
        fields: dict[str, object] = {
            "escrow_id": record.escrow_id,
            "contract_id": record.contract_id,
            "role": self._role,
            "kind": kind,
            "seq": 1 if head is None else head.seq + 1,
            "prev": None if head is None else head.digest,
            "body": body,
        }
        signer = changes.pop("signer", self._identity)
        return write_envelope(signer, **{**fields, **changes})  # type: ignore[arg-type]  # names checked there


def record_of(deal: Deal) -> Record:
    """The record, folded from everything that the coordinator has stored."""
    with deal.buyer.party.api() as api:
        first, *others = api.messages(deal.escrow_id)
    record = open_record(first).record
    for text in others:
        record = admit(record, text).record
    return record


def post(deal: Deal, role: Role, envelope: str) -> Answer:
    """Send an envelope as the account of ``role``, whoever wrote it."""
    with deal.seats[role].party.api() as api:
        return api.ask("POST", f"/api/escrow/{deal.escrow_id}/messages", {"envelope": envelope})


def propose_by_hand(market: Market, changes: Mapping[str, Json]) -> Answer:
    """Propose, in the buyer's name, sound terms with some changes."""
    parties: dict[str, Json] = {role.value: market.identity(role).public.to_json() for role in Role}
    escrow_id = secrets.token_hex(16)
    terms: dict[str, Json] = {
        "v": 1,
        "escrow_id": escrow_id,
        "network": "regtest",
        "amount": "1000000000000",
        "proposer": "buyer",
        "parties": parties,
        "fees": {
            "network_fee": "payee",
            "allowance": "0",
            "arbiter_bps": 100,
            "platform_bps": 0,
            "platform_address": None,
        },
        "confirmations": [],
        "deadlines": {
            "accept_minutes": 60,
            "key_exchange_minutes": 60,
            "deposit_minutes": 60,
        },
        **changes,
    }
    envelope = write_envelope(
        market.identity(Role.BUYER),
        escrow_id=escrow_id,
        contract_id=None,
        role=Role.BUYER,
        kind=Kind.PROPOSE,
        seq=1,
        prev=None,
        # Nobody opens the sealed part of a proposal that is refused.
        body={"terms": terms, "details": {"hash": "ab" * 32, "sealed": {}}},
    )
    with market.buyer.api() as api:
        return api.ask("POST", "/api/escrow", {"envelope": envelope})
