"""What a browser sends with a form: fields and files, bounded before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Final
from urllib.parse import parse_qsl

MAX_BODY_BYTES: Final = 24 * 1024 * 1024
"""Of one form: a statement's files together. Each file has a smaller limit of its own."""

_MOST_FIELDS: Final = 64


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a browser sent it; its name is somebody's word."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The last value of each field, and the files in their order."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Upload, ...] = ()

    def text(self, name: str) -> str:
        """A field's text, "" if it wasn't sent."""
        return self.fields.get(name, "")


def read_query(query: str) -> Form:
    """The form in an address."""
    return Form(dict(parse_qsl(query, max_num_fields=_MOST_FIELDS, errors="replace")))


def read_form(content_type: str, body: bytes) -> Form:
    """The form in a body. Raises ``ValueError`` if it isn't one."""
    declared = Message()
    declared["Content-Type"] = content_type
    match declared.get_content_type():
        case "application/x-www-form-urlencoded":
            return read_query(body.decode("ascii"))
        case "multipart/form-data":
            boundary = declared.get_param("boundary")
            if not isinstance(boundary, str) or not 0 < len(boundary) <= 70:
                raise ValueError("a form in parts names its boundary")
            return _read_parts(boundary.encode("ascii"), body)
    raise ValueError("that is no form")


def _read_parts(boundary: bytes, body: bytes) -> Form:
    """RFC 7578: each part has a head with its name, an empty line, and its bytes."""
    fields: dict[str, str] = {}
    files: list[Upload] = []
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]
    if not parts or not parts[-1].startswith(b"--") or len(parts) > _MOST_FIELDS:
        raise ValueError("the form is cut off, or too long")
    for part in parts[:-1]:
        head, empty, data = part.partition(b"\r\n\r\n")
        if not empty:
            raise ValueError("a part of the form has no head")
        disposition = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-disposition":
                disposition["Content-Disposition"] = value.strip()
        field_name = disposition.get_param("name", header="content-disposition")
        filename = disposition.get_param("filename", header="content-disposition")
        if field_name is None:
            raise ValueError("a part of the form has no name")
        if filename is None:
            fields[str(field_name)] = data.decode("utf-8", "replace")
        elif filename and isinstance(filename, str):
            files.append(Upload(filename, data))
    return Form(fields, tuple(files))
