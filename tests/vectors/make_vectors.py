"""Write the golden vectors anew: ``python -m tests.vectors.make_vectors``.

Only for a change of the protocol's version. The keys are made from fixed text and stand in the
files in full; they belong to nobody. Sealed content is random, so every run changes it.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from joserfc.jwk import OKPKey

from tests.unit.protocol.trade import Trade
from tripartite.domain.key_exchange import Round
from tripartite.domain.parties import Role
from tripartite.protocol.agreement import contract_id
from tripartite.protocol.canonical import Json, canonical, digest
from tripartite.protocol.envelope import Kind, place
from tripartite.protocol.identity import Identity, base64url
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import transcript
from tripartite.protocol.sealing import seal
from tripartite.protocol.signing import sign

HERE = Path(__file__).parent

CANONICAL: tuple[Json, ...] = (
    {},
    {"b": 1, "a": [True, False, None]},
    {"amount": "1000000000000", "note": 'quote " backslash \\ slash /'},
    {"é": "ü", "e": "€", "\U0001f600": "astral", "z": "\u0007\n\t\u001f\u007f"},
    {"\ue000": 1, "\U00010000": 2},
    {"zero": 0, "negative": -1, "largest": 2**53 - 1},
    {"nested": {"b": {"d": [], "c": {}}, "a": ""}},
)

NOT_CANONICAL = (
    '{"b":1,"a":1}',
    '{"a": 1}',
    '{"a":1.0}',
    '{"a":1e2}',
    '{"a":-0}',
    '{"a":1,"a":1}',
    '{"a":9007199254740992}',
    '{"a":"\\u0062"}',
    "[]",
    '"text"',
    '{"a":1}\n',
)


def fixed(name: str) -> Identity:
    """An identity whose two secret keys are SHA-256 of a name."""

    def key(curve: str) -> OKPKey:
        secret = sha256(f"tripartite vector {name} {curve}".encode()).digest()
        private = (
            ed25519.Ed25519PrivateKey.from_private_bytes(secret)
            if curve == "Ed25519"
            else x25519.X25519PrivateKey.from_private_bytes(secret)
        )
        public = private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return OKPKey.import_key(
            {"kty": "OKP", "crv": curve, "x": base64url(public), "d": base64url(secret)}
        )

    return Identity(key("Ed25519"), key("X25519"))


def identities() -> dict[Role, Identity]:
    """The three parties of every vector."""
    return {role: fixed(role.value) for role in Role}


def conversation() -> Trade:
    """One escrow with a thrown-away key exchange attempt, a release and a broadcast payout."""
    trade = Trade(identities())
    trade.agree()
    for role in Role:
        trade.exchange(role, Round.PREPARE)
    trade.say(Role.ARBITER, Kind.KEY_EXCHANGE_RESTART, {"reason": "wallet_in_doubt"}, attempt=1)
    trade.key()
    trade.report(Role.BUYER, 0, pending=trade.terms.amount)
    trade.fund()
    trade.say(Role.BUYER, Kind.RELEASE)
    trade.pay()
    return trade


def lies(trade: Trade) -> list[tuple[str, str, int]]:
    """(envelope, code of the answer, number of honest messages before it)."""
    told: list[tuple[str, str, int]] = []

    def lie(code: str, text: str) -> None:
        told.append((text, code, len(trade.log)))

    parties = trade.identities
    trade.propose()
    lie(
        "signature_invalid",
        trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "x"}, signer=parties[Role.BUYER]),
    )
    lie("wrong_escrow", trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "x"}, escrow_id="ab" * 16))
    lie(
        "wrong_contract",
        trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "x"}, contract_id="00" * 32),
    )
    lie("chain_broken", trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "x"}, prev="00" * 32))
    lie("message_replayed", trade.write(Role.BUYER, Kind.CANCEL, {"reason": "x"}, seq=1))
    lie("body_malformed", trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "Not a code."}))
    lie("out_of_round", trade.write(Role.VENDOR, Kind.CANCEL, {"reason": "x"}, attempt=1))
    lie("move_not_open", trade.write(Role.BUYER, Kind.RELEASE, {}))
    for role in (Role.VENDOR, Role.ARBITER):
        trade.accept(role)
    for role in Role:
        trade.say(role, Kind.SIGN_TERMS)
    trade.exchange(Role.BUYER, Round.PREPARE)
    other = trade.sealed(
        Role.BUYER, Kind.KEY_EXCHANGE, "multisig_info", "other", attempt=1, round_=1
    )
    lie(
        "message_substituted",
        trade.write(Role.BUYER, Kind.KEY_EXCHANGE, other, attempt=1, round_=1),
    )
    return told


def vectors() -> dict[str, Json]:
    """All files by name."""
    parties = identities()
    trade = conversation()
    spot = place(
        trade.terms.escrow_id, attempt=1, round_=1, role=Role.BUYER, kind=Kind.KEY_EXCHANGE
    )
    content: dict[str, Json] = {"multisig_info": "MultisigxV2R1example"}
    payload: dict[str, Json] = {"amount": "1000000000000", "a": [1, "é"]}
    liar = Trade(parties)
    told = lies(liar)
    attested = next(a.record for a in trade.log if a.record.attested)
    return {
        "canonical": {
            "valid": [
                {
                    "value": value,
                    "canonical": canonical(value).decode(),
                    "sha256": digest(canonical(value)),
                }
                for value in CANONICAL
            ],
            "invalid": list(NOT_CANONICAL),
        },
        "identity": [
            {
                "name": role.value,
                "secret": identity.reveal(),
                "public": identity.public.to_json(),
                "kid": identity.public.kid,
                "fingerprint": identity.public.fingerprint,
            }
            for role, identity in parties.items()
        ],
        "signing": {
            "signer": "buyer",
            "typ": "tripartite+jws",
            "payload": payload,
            "jws": sign(parties[Role.BUYER], payload, typ="tripartite+jws"),
        },
        "sealing": {
            "readers": ["vendor", "arbiter"],
            "place": spot,
            "content": content,
            "jwe": seal(
                content,
                readers=[parties[Role.VENDOR].public, parties[Role.ARBITER].public],
                place=spot,
            ),
        },
        "agreement": {
            "open": trade.agreement.to_json(),
            "details": {r.value: d for r, d in trade.now.details.items()},
            "contract_id": contract_id(trade.agreement, trade.now.details),
        },
        "escrow": {
            "messages": [
                {
                    "envelope": a.message.text,
                    "sha256": a.message.digest,
                    "events": [step.event.value for step in a.steps],
                    "state": a.record.state.value,
                    "waiting_on": [[role.value, what] for role, what in waiting_on(a.record)],
                }
                for a in trade.log
            ],
            "transcript": transcript(attested),
        },
        "lies": {
            "messages": [a.message.text for a in liar.log],
            "lies": [{"after": n, "envelope": text, "code": code} for text, code, n in told],
        },
    }


def main() -> None:
    """Write every file beside this one."""
    for name, value in vectors().items():
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
