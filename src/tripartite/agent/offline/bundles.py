"""A party's copy of one escrow's record, as a file to hand over.

Plain JSON. What was sealed stays sealed; amounts, identities and who said what are readable, so
send it where nobody else reads.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role
from tripartite.domain.terms import is_escrow_id
from tripartite.protocol.canonical import Json
from tripartite.protocol.merging import Copy

_VERSION: Final = 1
_MAX_BYTES: Final = 256 * 1024 * 1024
"""Far above any record: 512 envelopes of the largest size."""


class BundleMalformed(Refused):
    """That is no file of an escrow's record."""

    code: ClassVar[str] = "bundle_malformed"


class BundleExists(Refused):
    """There is a file of that name already."""

    code: ClassVar[str] = "bundle_exists"


class BundleOfAnotherEscrow(Refused):
    """That file belongs to another escrow."""

    code: ClassVar[str] = "bundle_of_another_escrow"


class BundleOwn(Refused):
    """That file was made by this party itself."""

    code: ClassVar[str] = "bundle_own"


class BundleOld(Refused):
    """That file brings nothing that isn't known here."""

    code: ClassVar[str] = "bundle_old"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One party's copy, and the escrow that it claims to be of."""

    escrow_id: str
    copy: Copy


def bundle_json(bundle: Bundle) -> dict[str, Json]:
    """A bundle as plain values."""
    return {
        "tripartite": "record",
        "version": _VERSION,
        "escrow_id": bundle.escrow_id,
        "from": bundle.copy.holder.value,
        "carried": bundle.copy.carried,
        "messages": list(bundle.copy.texts),
    }


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write a new file. Raises ``BundleExists``."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BundleExists(f"{path} stays as it is. Choose another name.") from error
    with os.fdopen(handle, "w") as file:
        json.dump(bundle_json(bundle), file, indent=1)


def read_bundle(path: Path) -> Bundle:
    """Read what somebody handed over; nothing in it is believed yet.

    Raises ``BundleMalformed``.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BundleMalformed(f"{path} is larger than any record. Ask for the right file.")
        return bundle_of(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BundleMalformed(f"{path} can't be read. Ask for the file again.") from error


def bundle_of(text: str) -> Bundle:
    """A bundle from its text. Raises ``BundleMalformed``."""
    try:
        content: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleMalformed("It is no JSON. Ask for the file again.") from error
    match content:
        case {
            "tripartite": "record",
            "version": 1,
            "escrow_id": str(escrow_id),
            "from": "buyer" | "vendor" | "arbiter" as role,
            "carried": int(carried),
            "messages": list(messages),
        } if is_escrow_id(escrow_id) and 0 < carried <= len(messages):
            texts = tuple(one for one in messages if isinstance(one, str))
        case _:
            raise BundleMalformed("It has another form. Ask for the file again.")
    if len(texts) != len(messages) or len(set(texts)) != len(texts):
        raise BundleMalformed("It has another form. Ask for the file again.")
    return Bundle(escrow_id, Copy(Role(role), carried, texts))
