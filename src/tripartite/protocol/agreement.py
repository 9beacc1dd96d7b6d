"""Terms as messages: their open part, the sealed details, and the hash all three sign.

    contract_id = SHA-256(canonical({"open": …, "sealed": {"buyer": h, "vendor": h, "arbiter": h}}))

where each ``h`` is the SHA-256 of that party's details in canonical JSON, salt included. So the
coordinator can compute the contract id without reading any details.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Final, TypeVar

from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import ConfirmationTiers
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.money import parse_piconero
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import Deadlines, Details, Predecessor, Terms, TermsUnsound
from tripartite.protocol.canonical import Json, canonical, digest
from tripartite.protocol.envelope import is_digest
from tripartite.protocol.identity import Identity, PublicIdentity
from tripartite.protocol.sealing import seal, unseal

SALT_BYTES: Final = 16
_SALT_DIGITS: Final = 2 * SALT_BYTES

_Choice = TypeVar("_Choice", bound=StrEnum)


class BodyMalformed(Refused):
    """The body of this message doesn't have the form of its kind."""

    code: ClassVar[str] = "body_malformed"


class DetailsSwapped(Tampered):
    """Sealed details differ from the hash that was signed."""

    code: ClassVar[str] = "details_swapped"


@dataclass(frozen=True)  # without slots: ``text`` is worked out once
class Agreement:
    """The open part of the terms, with the identity keys it pins."""

    terms: Terms
    parties: Mapping[Role, PublicIdentity]

    def __post_init__(self) -> None:
        """Refuse an agreement of somebody with themselves."""
        if set(self.parties) != set(Role):
            raise TermsUnsound("Terms name a buyer, a vendor and an arbiter.")
        if len({party.sign for party in self.parties.values()}) != len(Role):
            raise TermsUnsound("Buyer, vendor and arbiter are three different identities.")

    @cached_property
    def text(self) -> str:
        """The form that is signed, in canonical JSON. Terms never change: written once."""
        return canonical(self.to_json()).decode()

    def to_json(self) -> dict[str, Json]:
        """The form that is signed."""
        terms = self.terms
        # Named only where there is one: the contract ids of all other escrows stay what they were.
        succeeds: dict[str, Json] = {}
        if terms.succeeds is not None:
            named = terms.succeeds
            succeeds["succeeds"] = {
                "escrow_id": named.escrow_id,
                "contract_id": named.contract_id,
            }
        return {
            **succeeds,
            "v": 1,
            "escrow_id": terms.escrow_id,
            "network": terms.network.value,
            "amount": str(terms.amount),
            "proposer": terms.proposer.value,
            "parties": {role.value: party.to_json() for role, party in self.parties.items()},
            "fees": {
                "network_fee": terms.fees.bearer.value,
                "allowance": str(terms.fee_allowance),
                "arbiter_bps": terms.fees.arbiter_bps,
                "platform_bps": terms.fees.platform_bps,
                "platform_address": terms.platform_address,
            },
            "confirmations": [
                {"from": str(amount), "blocks": blocks}
                for amount, blocks in terms.confirmations.tiers
            ],
            "deadlines": {
                "accept_minutes": _minutes(terms.deadlines.accept),
                "key_exchange_minutes": _minutes(terms.deadlines.key_exchange),
                "deposit_minutes": _minutes(terms.deadlines.deposit),
            },
        }

    @classmethod
    def from_json(cls, value: Json) -> Agreement:
        """Read what ``to_json`` wrote, and nothing else.

        Raises:
            BodyMalformed: another form.
            Refused: the form is right but the terms aren't sound (the leaf says why).
        """
        match value:
            case {
                "v": 1,
                "escrow_id": str(escrow_id),
                "network": str(network),
                "amount": str(amount),
                "proposer": str(proposer),
                "parties": {"buyer": buyer, "vendor": vendor, "arbiter": arbiter},
                "fees": {
                    "network_fee": str(bearer),
                    "allowance": str(allowance),
                    "arbiter_bps": int(arbiter_bps),
                    "platform_bps": int(platform_bps),
                    "platform_address": None | str() as platform_address,
                },
                "confirmations": list(tiers),
                "deadlines": {
                    "accept_minutes": int(accept),
                    "key_exchange_minutes": int(key_exchange),
                    "deposit_minutes": int(deposit),
                },
            }:
                pass
            case _:
                raise BodyMalformed("These terms don't have the form of version 1.")
        assert isinstance(value, Mapping)
        agreement = cls(
            terms=Terms(
                escrow_id=escrow_id,
                network=_member(Network, network),
                amount=parse_piconero(amount),
                proposer=_member(Role, proposer),
                fees=FeeRule(
                    _member(NetworkFeeBearer, bearer), int(arbiter_bps), int(platform_bps)
                ),
                fee_allowance=parse_piconero(allowance, zero_allowed=True),
                platform_address=platform_address,
                confirmations=ConfirmationTiers(tuple(_tier(tier) for tier in tiers)),
                deadlines=Deadlines(_span(accept), _span(key_exchange), _span(deposit)),
                succeeds=_predecessor(value.get("succeeds")),
            ),
            parties={
                Role.BUYER: PublicIdentity.from_json(buyer),
                Role.VENDOR: PublicIdentity.from_json(vendor),
                Role.ARBITER: PublicIdentity.from_json(arbiter),
            },
        )
        # Anything that would be lost in reading (an extra field, true for 1) must not be signed by
        # somebody who never saw it.
        if canonical(agreement.to_json()) != canonical(value):
            raise BodyMalformed("These terms have fields that version 1 doesn't know.")
        return agreement


def contract_id(agreement: Agreement, details: Mapping[Role, str]) -> str:
    """The hash that all three sign. ``details`` are the hashes of the sealed parts."""
    sealed: dict[str, Json] = {role.value: details[role] for role in Role}
    return digest(canonical({"open": agreement.to_json(), "sealed": sealed}))


def write_details(
    details: Details, agreement: Agreement, *, place: Mapping[str, Json]
) -> dict[str, Json]:
    """One party's details, sealed to all three, beside their hash."""
    plain = _plain(details, agreement.terms.escrow_id)
    sealed = seal(plain, readers=agreement.parties.values(), place=place)
    return {"hash": digest(canonical(plain)), "sealed": sealed}


def details_hash(value: Json) -> str:
    """The hash in what ``write_details`` wrote; the content stays sealed.

    Raises:
        BodyMalformed: another form.
    """
    match value:
        case {"hash": str(hashed), "sealed": Mapping(), **rest} if is_digest(hashed) and not rest:
            return hashed
        case _:
            raise BodyMalformed("Details are a hash and sealed content.")


def read_details(
    value: Json, *, reader: Identity, agreement: Agreement, role: Role, place: Mapping[str, Json]
) -> Details:
    """The details that ``role`` sealed to all three.

    Raises:
        DetailsSwapped: the content isn't what was hashed.
        BodyMalformed: it has another form than details.
        Refused: its address isn't one of the escrow's network (the leaf says why).
    """
    hashed = details_hash(value)
    assert isinstance(value, Mapping)
    plain = unseal(value["sealed"], reader=reader, place=place)
    if digest(canonical(plain)) != hashed:
        raise DetailsSwapped(f"The {role.value}'s sealed details aren't those that were signed.")
    match plain:
        case {
            "escrow_id": agreement.terms.escrow_id,
            "role": role.value,
            "address": str(address),
            "subject": None | str() as subject,
            "salt": str(salt),
            **rest,
        } if not rest and len(salt) == _SALT_DIGITS:
            return Details(
                role=role,
                address=parse_address(address, agreement.terms.network),
                subject=subject,
                salt=salt,
            )
        case _:
            raise BodyMalformed(f"The {role.value}'s details don't have the form of version 1.")


def _plain(details: Details, escrow_id: str) -> dict[str, Json]:
    return {
        "escrow_id": escrow_id,
        "role": details.role.value,
        "address": details.address.text,
        "subject": details.subject,
        "salt": details.salt,
    }


def _tier(value: Json) -> tuple[int, int]:
    match value:
        case {"from": str(amount), "blocks": int(blocks)}:
            return parse_piconero(amount), int(blocks)
        case _:
            raise BodyMalformed("A confirmation tier is an amount and a number of blocks.")


def _predecessor(value: Json) -> Predecessor | None:
    match value:
        case None:
            return None
        case {"escrow_id": str(escrow_id), "contract_id": str(contract)}:
            return Predecessor(escrow_id, contract)
        case _:
            raise BodyMalformed("Terms that succeed others name that escrow and its contract.")


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds()) // 60


def _span(minutes: int) -> timedelta:
    return timedelta(minutes=min(max(minutes, 0), 10**6))


def _member(choices: type[_Choice], value: str) -> _Choice:
    try:
        return choices(value)
    except ValueError as error:
        known = ", ".join(choices)
        raise BodyMalformed(f"Terms say {known}; they can't say {value[:40]!r}.") from error
