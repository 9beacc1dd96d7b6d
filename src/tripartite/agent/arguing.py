"""What the parties tell each other in a dispute: reasons, statements, files as evidence.

All of it is sealed to the two others; the coordinator carries it and can't read it. A file travels
in parts, and its hash is checked when all of them are there. Own words can't be unsealed again, so
they are read from the decisions that this party stored before it said them.

A file is somebody else's: its name is cleaned, its contents are never opened or run here.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tripartite.agent.decisions import DONE, Decision, Decisions
from tripartite.agent.journal import Journal, StoredCase
from tripartite.domain.errors import Refused, TripartiteError
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import read_sealed
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, Message, place, read_envelope
from tripartite.protocol.identity import Identity
from tripartite.protocol.sealing import seal, unseal

PART_BYTES: Final = 128 * 1024
"""Of a file in one message. Sealing and signing write it in base64 three times over, which makes
303 KiB of the 512 that an envelope may have."""

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_PARTS: Final = MAX_FILE_BYTES // PART_BYTES
MAX_TEXT: Final = 20_000
"""Characters in a reason or statement."""
MAX_FILES: Final = 50
"""Files of one party in one escrow that are put together here; more are only counted."""

_NAME_LENGTH: Final = 80
_UNCLEAN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ArgumentUnsound(Refused):
    """This text can't be said."""

    code: ClassVar[str] = "argument_unsound"


class EvidenceUnsound(Refused):
    """This file can't be evidence."""

    code: ClassVar[str] = "evidence_unsound"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file, as it travels."""

    name: str
    media_type: str
    sha256: str
    part: int
    parts: int
    data: bytes

    def to_json(self) -> dict[str, Json]:
        """The content that is sealed."""
        return {
            "name": self.name,
            "type": self.media_type,
            "sha256": self.sha256,
            "part": self.part,
            "parts": self.parts,
            "data": base64.b64encode(self.data).decode(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Json]) -> Part:
        """Read what somebody sealed. Raises ``EvidenceUnsound``."""
        match content:
            case {
                "name": str(name),
                "type": str(media_type),
                "sha256": str(sha256),
                "part": int(part),
                "parts": int(parts),
                "data": str(data),
                **rest,
            } if not rest and 1 <= part <= parts <= MAX_PARTS and _SHA256.fullmatch(sha256):
                pass
            case _:
                raise EvidenceUnsound("It has another form than docs/protocol.md says.")
        try:
            raw = base64.b64decode(data, validate=True)
        except ValueError as error:  # also what binascii raises
            raise EvidenceUnsound("Its data isn't base64.") from error
        if len(raw) > PART_BYTES:
            raise EvidenceUnsound("One of its parts is too large.")
        known = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
        return cls(clean_name(name), known, sha256, part, parts, raw)


@dataclass(frozen=True, slots=True)
class Statement:
    """A reason or statement. ``problem`` says why it can't be shown."""

    role: Role
    kind: Kind
    text: str
    heard_at: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A file, as far as its parts are here. ``data`` is None until it is whole and its hash fits."""

    role: Role
    name: str
    media_type: str
    sha256: str
    parts: int
    here: int
    data: bytes | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything that was said in an argument, in the order of the record."""

    statements: tuple[Statement, ...]
    exhibits: tuple[Exhibit, ...]


def check_text(text: str) -> str:
    """A reason or statement, without space around it. Raises ``ArgumentUnsound``."""
    stripped = text.strip()
    if not 0 < len(stripped) <= MAX_TEXT:
        raise ArgumentUnsound(f"Say it in 1 to {MAX_TEXT} characters; put more into a file.")
    return stripped


def take_apart(file: Path) -> tuple[Part, ...]:
    """A file's parts. Raises ``EvidenceUnsound``."""
    try:
        size = file.stat().st_size
        data = file.read_bytes() if file.is_file() and size <= MAX_FILE_BYTES else b""
    except OSError as error:
        raise EvidenceUnsound(f"{file} can't be read: {error.strerror}.") from error
    if not 0 < len(data) <= MAX_FILE_BYTES:
        raise EvidenceUnsound(
            f"{file} has {size} bytes: a file of evidence has 1 to {MAX_FILE_BYTES}. "
            "Split it, or make it smaller."
        )
    return parts_of(file.name, data)


def parts_of(given_name: str, data: bytes) -> tuple[Part, ...]:
    """The parts of a file's contents, which are not empty and not too large."""
    sha256 = hashlib.sha256(data).hexdigest()
    name = clean_name(given_name)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    pieces = [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)]
    return tuple(
        Part(name, media_type, sha256, number, len(pieces), piece)
        for number, piece in enumerate(pieces, start=1)
    )


def clean_name(name: str) -> str:
    """A name that no path, shell or terminal takes for something else."""
    last = name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    cleaned = _UNCLEAN.sub("_", last).lstrip(".-_")
    return cleaned[-_NAME_LENGTH:].lstrip(".-_") or "file"


def sealed_to_others(
    case: StoredCase, kind: Kind, content: Mapping[str, Json]
) -> Mapping[str, Json]:
    """A body that only the two others can read."""
    spot = place(case.escrow_id, attempt=0, round_=0, role=case.role, kind=kind)
    readers = [case.record.parties[other] for other in case.role.others()]
    return {"sealed": seal(content, readers=readers, place=spot)}


def read_case_file(journal: Journal, identity: Identity, case: StoredCase) -> CaseFile:
    """Everything said in the argument so far. What can't be opened says so in its place."""
    own = {
        Kind.DISPUTE: _own_words(journal, case, Decision.DISPUTE),
        Kind.STATEMENT: _own_words(journal, case, Decision.STATE),
        Kind.EVIDENCE: _own_words(journal, case, Decision.EVIDENCE),
    }
    statements: list[Statement] = []
    parts: dict[tuple[Role, str], list[Part]] = {}
    broken: list[Exhibit] = []
    for message, heard_at in _argument(journal, case):
        try:
            if message.role is case.role:
                content = next(own[message.kind], {})
            else:
                content = unseal(read_sealed(message), reader=identity, place=message.place)
            if message.kind is Kind.EVIDENCE:
                part = Part.from_json(content)
                parts.setdefault((message.role, part.sha256), []).append(part)
            else:
                text = content.get("text")
                words = check_text(text if isinstance(text, str) else "")
                statements.append(Statement(message.role, message.kind, words, heard_at))
        except TripartiteError as error:
            if message.kind is Kind.EVIDENCE:
                broken.append(Exhibit(message.role, "?", "?", "?", 0, 0, None, error.detail))
            else:
                problem = Statement(message.role, message.kind, "", heard_at, error.detail)
                statements.append(problem)
    exhibits = [_put_together(role, found) for (role, _), found in parts.items()]
    return CaseFile(tuple(statements), (*exhibits, *broken))


def keep_exhibits(directory: Path, case: StoredCase, exhibits: Sequence[Exhibit]) -> list[Path]:
    """Write whole files to ``directory``/escrow, for their owner's eyes only; where they are.

    A file that is there already is left as it is.
    """
    place_ = directory / case.escrow_id
    kept: list[Path] = []
    count: dict[Role, int] = {}
    for one in exhibits:
        count[one.role] = count.get(one.role, 0) + 1
        if one.data is None or count[one.role] > MAX_FILES:
            continue
        directory.mkdir(mode=0o700, exist_ok=True)
        place_.mkdir(mode=0o700, exist_ok=True)
        path = place_ / f"{one.role.value}-{one.sha256[:12]}-{one.name}"
        _write_once(path, one.data)
        kept.append(path)
    return kept


def _write_once(path: Path, data: bytes) -> None:
    if path.exists() and path.read_bytes() == data:
        return
    half = path.with_name(path.name + ".part")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    half.replace(path)


def _argument(journal: Journal, case: StoredCase) -> Iterator[tuple[Message, str]]:
    found = journal.heard(case.escrow_id, (Kind.DISPUTE, Kind.STATEMENT, Kind.EVIDENCE))
    for text, heard_at in found:
        yield read_envelope(text), heard_at


def _own_words(
    journal: Journal, case: StoredCase, decision: Decision
) -> Iterator[Mapping[str, Json]]:
    """What this party said, in the order in which it was said."""
    for intent in Decisions(journal).intents(case.escrow_id, decision):
        if intent.outcome == DONE:
            yield {key: value for key, value in intent.content.items() if key != "contract_id"}


def _put_together(role: Role, parts: Sequence[Part]) -> Exhibit:
    """The file, if every part is there, all are of one file, and its hash is right."""
    first = parts[0]
    by_number = {one.part: one for one in parts}
    shown = Exhibit(
        role, first.name, first.media_type, first.sha256, first.parts, len(by_number), None
    )
    if len({(one.name, one.parts) for one in parts}) > 1:
        return _with_problem(shown, "Its parts contradict each other.")
    if len(by_number) < first.parts:
        return shown
    data = b"".join(by_number[number].data for number in sorted(by_number))
    if hashlib.sha256(data).hexdigest() != first.sha256:
        return _with_problem(shown, "Its contents are not what its hash says.")
    return Exhibit(
        role, first.name, first.media_type, first.sha256, first.parts, len(by_number), data
    )


def _with_problem(shown: Exhibit, problem: str) -> Exhibit:
    return Exhibit(
        shown.role,
        shown.name,
        shown.media_type,
        shown.sha256,
        shown.parts,
        shown.here,
        None,
        problem,
    )
