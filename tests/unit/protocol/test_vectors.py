"""The golden vectors, read as a second implementation would read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.agreement import Agreement, contract_id
from tripartite.protocol.canonical import NotCanonical, canonical, digest, parse
from tripartite.protocol.identity import Identity
from tripartite.protocol.next_step import waiting_on
from tripartite.protocol.record import transcript
from tripartite.protocol.sealing import SealBroken, unseal
from tripartite.protocol.signing import sign, take_apart, verify

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> Any:  # noqa: ANN401 — JSON in the shape its README says
    """One file."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def identities() -> dict[str, Identity]:
    """The three parties by name."""
    return {entry["name"]: Identity.restore(entry["secret"]) for entry in load("identity")}


def test_every_vector_file_is_checked() -> None:
    checked = {"canonical", "identity", "signing", "sealing", "agreement", "escrow", "lies"}
    assert {path.stem for path in VECTORS.glob("*.json")} == checked


def test_canonical() -> None:
    vectors = load("canonical")
    for case in vectors["valid"]:
        assert canonical(case["value"]).decode() == case["canonical"]
        assert digest(canonical(case["value"])) == case["sha256"]
    for text in vectors["invalid"]:
        with pytest.raises(NotCanonical):
            parse(text.encode())


def test_identity() -> None:
    for entry in load("identity"):
        public = Identity.restore(entry["secret"]).public
        assert public.to_json() == entry["public"]
        assert (public.kid, public.fingerprint) == (entry["kid"], entry["fingerprint"])


def test_signing() -> None:
    vector = load("signing")
    signer = identities()[vector["signer"]]
    assert sign(signer, vector["payload"], typ=vector["typ"]) == vector["jws"]
    apart = take_apart(vector["jws"], typ=vector["typ"], limit=10_000)
    assert verify(apart, signer.public) == vector["payload"]


def test_sealing() -> None:
    vector = load("sealing")
    parties = identities()
    for name in vector["readers"]:
        opened = unseal(vector["jwe"], reader=parties[name], place=vector["place"])
        assert opened == vector["content"]
    (stranger,) = set(parties) - set(vector["readers"])
    with pytest.raises(TripartiteError) as refused:
        unseal(vector["jwe"], reader=parties[stranger], place=vector["place"])
    assert refused.value.code == "not_sealed_for_me"
    with pytest.raises(SealBroken):
        unseal(vector["jwe"], reader=parties["vendor"], place={**vector["place"], "round": 2})


def test_agreement() -> None:
    vector = load("agreement")
    agreement = Agreement.from_json(vector["open"])
    details = {Role(role): hashed for role, hashed in vector["details"].items()}
    assert contract_id(agreement, details) == vector["contract_id"]


def test_escrow() -> None:
    vector = load("escrow")
    record, seen = None, set()
    for entry in vector["messages"]:
        text = entry["envelope"]
        admission = open_record(text) if record is None else admit(record, text)
        record = admission.record
        assert admission.message.digest == entry["sha256"]
        assert [step.event.value for step in admission.steps] == entry["events"]
        assert record.state.value == entry["state"]
        now = [[role.value, what] for role, what in waiting_on(record)]
        assert now == entry["waiting_on"]
        seen.add(transcript(record))
    assert vector["transcript"] in seen


def test_lies() -> None:
    vector = load("lies")
    for lie in vector["lies"]:
        first, *rest = vector["messages"][: lie["after"]]
        record = open_record(first).record
        for text in rest:
            record = admit(record, text).record
        with pytest.raises(TripartiteError) as refused:
            admit(record, lie["envelope"])
        assert refused.value.code == lie["code"]
