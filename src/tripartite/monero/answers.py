"""Reading a daemon's JSON with its types checked, so that money is an ``int`` or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tripartite.monero.errors import RpcAnswerUnreadable


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON object of an answer to ``method``.

    Every reader raises RpcAnswerUnreadable, which names the field and never its value. Monero
    leaves empty lists and, between versions, whole fields out: those readers have a default.
    """

    method: str
    fields: Mapping[str, object]

    @classmethod
    def of(cls, method: str, value: object) -> Answer:
        """``value`` as an object of an answer to ``method``."""
        if not isinstance(value, dict):
            raise RpcAnswerUnreadable(f"{method} did not answer with an object.", method=method)
        return cls(method, value)

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; a number written with a point is refused."""
        value = self.fields.get(name, default)
        # bool is a kind of int in Python, but not in an answer.
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._unreadable(name)
        return value

    def amount(self, name: str, default: int | None = None) -> int:
        """Piconero, or another number that is never negative."""
        value = self.integer(name, default)
        if value < 0:
            raise self._unreadable(name)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        value = self.fields.get(name, default)
        if not isinstance(value, str):
            raise self._unreadable(name)
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise self._unreadable(name)
        return value

    def part(self, name: str) -> Answer:
        """A nested object."""
        return Answer.of(self.method, self.fields.get(name))

    def parts(self, name: str) -> tuple[Answer, ...]:
        """A list of objects; absent means empty."""
        return tuple(Answer.of(self.method, item) for item in self._items(name))

    def amounts(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers that are not negative; absent means empty."""
        items = self._items(name)
        return tuple(Answer(self.method, {name: item}).amount(name) for item in items)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; absent means empty."""
        return tuple(Answer(self.method, {name: item}).text(name) for item in self._items(name))

    def _items(self, name: str) -> list[object]:
        value = self.fields.get(name, [])
        if not isinstance(value, list):
            raise self._unreadable(name)
        return value

    def _unreadable(self, name: str) -> RpcAnswerUnreadable:
        return RpcAnswerUnreadable(
            f"{self.method} answered without a usable {name!r}. Check the daemon's version.",
            method=self.method,
            field=name,
        )
