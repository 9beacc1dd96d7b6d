"""Every command there is, for the page and the test that go through them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tripartite.cli.main import build


@dataclass(frozen=True, slots=True)
class Leaf:
    """One command: its words after ``tripartite``, its help as written, its options."""

    words: tuple[str, ...]
    help: str
    options: frozenset[str]

    @property
    def summary(self) -> str:
        """The first sentences: one paragraph, in one line."""
        return " ".join(self.help.partition("\n\n")[0].split())

    @property
    def example(self) -> str:
        """What a reader could type; empty if the help shows nothing."""
        return " ".join(self.help.partition("Example: ")[2].partition("\n\n")[0].split())


def leaves() -> list[Leaf]:
    """All commands, in the order of their names."""
    return sorted(_below(get_command(build([])), ()), key=lambda leaf: leaf.words)


def _below(command: object, words: tuple[str, ...]) -> Iterator[Leaf]:
    match command:
        case TyperGroup():
            for name, below in command.commands.items():
                yield from _below(below, (*words, name))
        case TyperCommand():
            options = frozenset(name for one in command.params for name in one.opts)
            yield Leaf(words, (command.help or "").strip(), options)
