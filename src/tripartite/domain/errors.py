"""Every way Tripartite says no, in one tree.

    TripartiteError
    ├── Refused       change your request: trying the same again cannot help
    ├── Unavailable   nothing is wrong with the request: try again later
    └── Tampered      stop and tell a human: someone altered what was agreed

Each leaf stands beside the code that raises it and has one ``code`` that never changes:
programs match on it, ``docs/errors.md`` lists it, the API renders it as the ``code`` of an
RFC 9457 problem. A leaf's docstring is its title; the message given when raising it is the
detail and says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class TripartiteError(Exception):
    """Something the person who asked has to hear about."""

    code: ClassVar[str] = ""

    def __init__(self, detail: str, **facts: str | int) -> None:
        """``facts`` are safe, machine-readable values shown beside the detail (no secrets)."""
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


class Refused(TripartiteError):
    """The request can't be carried out as it stands."""


class Unavailable(TripartiteError):
    """Something needed is out of reach just now; "we could not find out" is not "no"."""


class Tampered(TripartiteError):
    """What arrived differs from what was signed or said before."""


def leaves(branch: type[TripartiteError] = TripartiteError) -> list[type[TripartiteError]]:
    """All error classes below ``branch`` that carry a code, sorted by it.

    Only modules imported so far can be seen: a caller that wants the whole tree imports the
    whole package first.
    """
    found: dict[str, type[TripartiteError]] = {}
    waiting = list(branch.__subclasses__())
    while waiting:
        leaf = waiting.pop()
        waiting.extend(leaf.__subclasses__())
        if leaf.code:
            found[leaf.code] = leaf
    return [found[code] for code in sorted(found)]
