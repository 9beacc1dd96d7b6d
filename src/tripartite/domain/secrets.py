"""A text that cannot be printed by accident."""

from __future__ import annotations

import hmac
from typing import Never


class Secret:
    """Holds a password, seed or key. ``reveal`` is the only way out: grep for it to audit us.

    Not a dataclass on purpose: ``dataclasses.asdict`` of anything that holds one would write
    it out. For the same reason it can't be pickled.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Compared without telling, by the time taken, how much of it was right.
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a Secret does not travel: reveal() it where it is used")
