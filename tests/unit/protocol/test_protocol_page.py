"""docs/protocol.md names what the code knows, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from tripartite.protocol import bodies
from tripartite.protocol.canonical import MAX_DEPTH
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES, TYP, Kind
from tripartite.protocol.sealing import ENCRYPTION, KEY_AGREEMENT
from tripartite.protocol.signing import ALGORITHM

PAGE = (Path(__file__).parents[3] / "docs/protocol.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under one heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_page_lists_every_kind_once_in_the_code_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("Kinds"), flags=re.M)
    assert sorted(rows) == sorted(Kind)


def test_the_page_and_the_code_describe_the_same_bodies() -> None:
    described = dict(re.findall(r"^    ([a-z_, ]+?)  +(\S.*)$", bodies.__doc__ or "", flags=re.M))
    by_kind = {kind: text for kinds, text in described.items() for kind in kinds.split(", ")}
    for kind, body in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", section("Kinds"), flags=re.M):
        for field in re.findall(r"`(\w+)`", body):
            assert field in by_kind[kind], (kind, field)


def test_the_page_states_the_limits_and_algorithms_in_force() -> None:
    for fact in (MAX_ENVELOPE_BYTES, TYP, ALGORITHM, KEY_AGREEMENT, ENCRYPTION):
        assert str(fact) in PAGE
    assert f"{MAX_DEPTH} levels" in PAGE
