"""Somebody who stole a process: its files and its memory, searched for whatever they may hold."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{22,}")
_PLAIN: Final = re.compile(rb"[\x20-\x7e]{16,}")
_WIDE: Final = re.compile(rb"(?:[\x20-\x7e]\x00){12,}")
_HEX_KEY: Final = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_DEPTH: Final = 3
"""An envelope in JSON is encoded once, what is sealed in it twice, that one's header thrice."""
_KEY_BYTES: Final = 32


@dataclass
class Loot:
    """Everything that was taken, by where it was found."""

    pieces: dict[str, bytes] = field(default_factory=dict)
    _inside: dict[str, bytes] = field(default_factory=dict)

    def only(self, kind: str) -> Loot:
        """What was found in one kind of place."""
        mine = {k: v for k, v in self.pieces.items() if k.startswith(kind)}
        return Loot(mine, self._inside)

    def add_files(self, directory: Path) -> None:
        """Every file below a directory."""
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                self.pieces[f"file {path.relative_to(directory)}"] = path.read_bytes()

    def add_memory(self, pid: int) -> None:
        """All that a process and its children could write to: heap, stacks, what they mapped."""
        for one in _family(pid):
            self.pieces[f"memory of {one}"] = b"\x00".join(_memory(one))

    def finds(self, wanted: Mapping[str, bytes]) -> dict[str, str]:
        """Which of these values are there in any form, and where."""
        found: dict[str, str] = {}
        for place, piece in self.pieces.items():
            for name, form in self._in_piece(place, piece, wanted):
                found.setdefault(name, f"{form} in {place}")
        return found

    def keys(self) -> set[bytes]:
        """Every run that could be a key of 32 bytes, written as hex or base64."""
        found: set[bytes] = set()
        for place in self.pieces:
            text = self._decoded(place)
            found |= {bytes.fromhex(one.group().decode()) for one in _HEX_KEY.finditer(text)}
            found |= {one for one in _decoded(text) if len(one) == _KEY_BYTES}
        return found

    def _decoded(self, place: str) -> bytes:
        """All that is written there, and all that is encoded in it; worked out once."""
        if place not in self._inside:
            piece = self.pieces[place]
            self._inside[place] = b"\x00".join((_texts(piece), *_layers(piece)))
        return self._inside[place]

    def _in_piece(
        self, place: str, piece: bytes, wanted: Mapping[str, bytes]
    ) -> Iterator[tuple[str, str]]:
        inside = self._decoded(place)
        for name, value in wanted.items():
            if value in piece:
                yield name, "as it is"
            for form, spelled in spellings(value).items():
                if spelled in inside:
                    yield name, form


def spellings(value: bytes) -> dict[str, bytes]:
    """One value as it may be written; whatever was encoded with it is decoded beforehand."""
    return {
        "as it is, encoded with more": value,
        "hex": value.hex().encode(),
        "upper-case hex": value.hex().upper().encode(),
        "base64": base64.b64encode(value).rstrip(b"="),
        "base64url": base64.urlsafe_b64encode(value).rstrip(b"="),
    }


def _texts(piece: bytes) -> bytes:
    """All that is written in letters, UTF-16 among them."""
    wide = b"\x00".join(run.group()[::2] for run in _WIDE.finditer(piece))
    return b"\x00".join((*(run.group() for run in _PLAIN.finditer(piece)), wide))


def _layers(piece: bytes) -> tuple[bytes, ...]:
    """What stands inside, decoded: one long string for each depth of base64."""
    layers: list[bytes] = []
    outer = _texts(piece)
    for _ in range(_DEPTH):
        outer = b"\x00".join(one for one in _decoded(outer) if len(one) >= 16)
        if not outer:
            break
        layers.append(outer)
    return tuple(layers)


def _decoded(text: bytes) -> Iterable[bytes]:
    runs = {run.group() for run in _BASE64.finditer(text)}
    for run in runs:
        usual = run.translate(_URL_TO_USUAL)
        # A run that lost its beginning still makes sense from one of four places on.
        for start in range(4):
            part = usual[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            try:
                yield base64.b64decode(part + b"=" * (-len(part) % 4))
            except binascii.Error:
                continue


_URL_TO_USUAL: Final = bytes.maketrans(b"-_", b"+/")


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        tasks = Path(f"/proc/{one}/task")
        for task in tasks.iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _memory(pid: int) -> Iterator[bytes]:
    """Each writable mapping of a process, as its owner or root may read it (proc(5))."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            area, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in area.split("-"))
            yield from _area(memory.fileno(), start, end)


def _area(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    try:
        piece = os.pread(descriptor, end - start, start)
    except OSError:
        return  # a guard page, or memory of a device
    if piece.strip(b"\x00"):
        yield piece
