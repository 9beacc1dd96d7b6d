"""Stories about the WebSocket's address."""

from __future__ import annotations

from tripartite.coordinator.events.gateway import cursor_in


def test_a_cursor_is_a_plain_number() -> None:
    assert [cursor_in(query) for query in ("", "after=7", "after=1&after=2")] == [0, 7, 2]
    wrong = ("after=-1", "after=x", "after=1e3", f"after={10**18}", "after=٣")
    assert [cursor_in(query) for query in wrong] == [None] * len(wrong)
