"""One spelling for every value, and refusal of what other languages read differently."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tripartite.protocol.canonical import (
    MAX_DEPTH,
    MAX_NUMBER,
    Json,
    NotCanonical,
    canonical,
    parse,
)

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_NUMBER, MAX_NUMBER) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=8), plain, max_size=5)


@given(objects)
def test_reading_back_gives_the_same_value(value: dict[str, Any]) -> None:
    assert parse(canonical(value)) == value


@given(objects)
def test_we_write_what_rfc8785_writes(value: dict[str, Any]) -> None:
    """Plain values take a faster way than the library's; both must agree to the byte."""
    assert canonical(value) == rfc8785.dumps(value)


@given(objects)
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(objects, st.sampled_from([{"indent": 1}, {"separators": (", ", ": ")}]))
def test_another_spelling_is_refused(value: dict[str, Any], spelling: dict[str, Any]) -> None:
    text = json.dumps(value, **spelling).encode()
    if text != canonical(value):
        with pytest.raises(NotCanonical):
            parse(text)


def deep(levels: int) -> object:
    """Lists in lists."""
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.0},
        {"a": float("nan")},
        {"a": MAX_NUMBER + 1},
        {"a": -MAX_NUMBER - 1},
        {"a": "\ud800"},
        {1: "a"},
        {"a": b"bytes"},
        {"a": deep(MAX_DEPTH + 1)},
    ],
)
def test_values_that_travel_badly_are_refused(value: Json) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"a":1',
        b'{"a":1}\n',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a":1.5}',
        b'{"a":1e2}',
        b'{"a":NaN}',
        b'{"a":9007199254740993}',
        b'\xff{"a":1}',
        b'{"a":"\\u0062"}',
        b"[" * 100_000,
    ],
)
def test_bytes_in_another_spelling_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse(data)
