"""How every request body is read: exactly its fields, nothing more."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from ninja import Path, Schema
from pydantic import ConfigDict, Field

# What the databases number rows with; a larger one makes SQLite's driver raise an error of its own.
RowNumber: TypeAlias = Path[Annotated[int, Field(ge=1, le=2**63 - 1)]]
"""The number of something that the API shows, in a path."""


class Body(Schema):
    """A request body. An unknown field is a misunderstanding, so it is refused."""

    model_config = ConfigDict(extra="forbid")
