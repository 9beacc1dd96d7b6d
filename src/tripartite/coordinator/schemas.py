"""How every request body is read: exactly its fields, nothing more."""

from __future__ import annotations

from ninja import Schema
from pydantic import ConfigDict


class Body(Schema):
    """A request body. An unknown field is a misunderstanding, so it is refused."""

    model_config = ConfigDict(extra="forbid")
