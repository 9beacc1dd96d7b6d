"""One spelling for every JSON value: RFC 8785, without the numbers that JavaScript can't hold.

Amounts are decimal strings; the only numbers are small whole ones. So two implementations always
hash the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, TypeAlias, cast

import rfc8785

from tripartite.domain.errors import Refused

Json: TypeAlias = bool | int | str | Sequence["Json"] | Mapping[str, "Json"] | None

MAX_NUMBER: Final = 2**53 - 1
"""The largest whole number that every JSON implementation reads exactly (RFC 7493, I-JSON)."""

MAX_DEPTH: Final = 16


class NotCanonical(Refused):
    """This isn't canonical JSON."""

    code: ClassVar[str] = "json_not_canonical"


def canonical(value: Json) -> bytes:
    """``value`` as canonical UTF-8 JSON.

    Raises:
        NotCanonical: a float, a number past ``MAX_NUMBER``, a lone surrogate or too deep a nesting.
    """
    if not _check(value, depth=0):
        return _by_the_book(value)
    return _written(value)


def _written(value: Json) -> bytes:
    # With ASCII keys and no floats, Python's own encoder writes what RFC 8785 asks for, twenty
    # times faster: the same escapes, the same order of keys, no spaces. A test compares the two.
    try:
        return _encode(value).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("This value has no canonical JSON form.") from error


def _by_the_book(value: Json) -> bytes:
    """Any value: RFC 8785 sorts keys by UTF-16 units, Python by code points."""
    try:
        # rfc8785 types its argument more narrowly (list, dict) than what it accepts.
        return rfc8785.dumps(cast("dict[str, object]", value))  # type: ignore[arg-type]  # see above
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical("This value has no canonical JSON form.") from error


def _plain(value: object) -> object:
    """Mappings and sequences of other types than dict and list, for Python's encoder."""
    return dict(value) if isinstance(value, Mapping) else list(cast("Sequence[object]", value))


_encode: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
).encode


def parse(data: bytes) -> Mapping[str, Json]:
    """The JSON object in ``data``, which must be spelled canonically.

    Raises:
        NotCanonical: not JSON, not an object, or not in its one canonical spelling.
    """
    try:
        value = _decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise NotCanonical("This isn't JSON.") from error
    if not isinstance(value, dict):
        raise NotCanonical("A JSON object is expected here.")
    # In ASCII with so few brackets there are no other keys and no deeper nesting than we write,
    # and _decode has looked at the numbers: writing it again is the only check that is left.
    simple = data.isascii() and data.count(b"{") + data.count(b"[") <= MAX_DEPTH
    if (_written(value) if simple else canonical(value)) != data:
        raise NotCanonical("This JSON isn't in its canonical spelling (RFC 8785).")
    return value


def _whole(text: str) -> int:
    # No number of more digits is allowed, and int() takes quadratic time for long ones.
    if len(text) > len(str(-MAX_NUMBER)) or abs(number := int(text)) > MAX_NUMBER:
        raise NotCanonical("Numbers past 2^53 − 1 are written as decimal strings.")
    return number


def _no_fraction(_: str) -> object:
    raise NotCanonical("Only null, booleans, whole numbers, strings, lists and objects.")


_decode: Final = json.JSONDecoder(
    parse_int=_whole, parse_float=_no_fraction, parse_constant=_no_fraction
).decode


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` in lower-case hexadecimal, the form of every hash in the protocol."""
    return hashlib.sha256(data).hexdigest()


def _check(value: object, *, depth: int) -> bool:
    """Refuse what we don't write. True if all keys are ASCII."""
    if depth > MAX_DEPTH:
        raise NotCanonical(f"JSON is nested deeper than {MAX_DEPTH} levels.")
    # Types are compared first and chains of isinstance only asked then, rather than a match: this
    # runs for every value of every message that is written.
    if value is None or type(value) is str or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_NUMBER:
            raise NotCanonical("Numbers past 2^53 − 1 are written as decimal strings.")
        return True
    if isinstance(value, dict | Mapping):
        plain = True
        for key, inner in value.items():
            if not isinstance(key, str):
                raise NotCanonical("Keys of JSON objects are strings.")
            if type(inner) is str and depth < MAX_DEPTH:
                plain = plain and key.isascii()
            else:
                plain = _check(inner, depth=depth + 1) and plain and key.isascii()
        return plain
    if isinstance(value, list | Sequence) and not isinstance(value, bytes | bytearray):
        plain = True
        for inner in value:
            plain = _check(inner, depth=depth + 1) and plain
        return plain
    raise NotCanonical("Only null, booleans, whole numbers, strings, lists and objects.")
