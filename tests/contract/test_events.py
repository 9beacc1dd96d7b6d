"""Stories about the event log: one order for all, and no way to change what was written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.db import DatabaseError, connection, connections

from tests.contract.kit import Deal, Market, at_once, open_account, report
from tripartite.coordinator.events import audit, log
from tripartite.coordinator.events.audit import LogAltered
from tripartite.coordinator.events.log import EventType, NewEvent, Reader, StoredEvent
from tripartite.coordinator.events.tail import Tail
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

WRITERS = 6
EACH = 15


def append_some(name: str) -> None:
    for number in range(EACH):
        with write_transaction():
            event = NewEvent(EventType.TRANSACTION_SEEN, "0" * 32, {"by": name, "n": number})
            log.append([event, event], at=now())


def execute(statement: str) -> None:
    with connection.cursor() as sql:
        sql.execute(statement)


def test_a_reader_who_follows_many_writers_misses_nothing(database: str) -> None:
    """Cursors come in commit order: whoever has seen n can't have missed a smaller one."""
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while True:
            finished = done.is_set()
            page = log.read_all(seen[-1] if seen else 0, limit=7)
            seen.extend(event.cursor for event in page)
            if finished and not page:
                break
        connections.close_all()

    reader = threading.Thread(target=follow)
    reader.start()
    at_once([partial(append_some, str(number)) for number in range(WRITERS)])
    done.set()
    reader.join(timeout=60)

    assert seen == list(range(1, WRITERS * EACH * 2 + 1))
    assert audit.verify().events == len(seen)


def test_the_tail_delivers_every_event_once_and_in_order(database: str) -> None:
    append_some("before the tail")
    delivered: list[StoredEvent] = []
    tail = Tail(delivered.extend)
    thread = threading.Thread(target=tail.run)
    thread.start()
    assert tail.ready.wait(timeout=30)

    at_once([partial(append_some, str(number)) for number in range(WRITERS)])
    last = log.head()
    deadline = time.monotonic() + 30
    while (not delivered or delivered[-1].cursor < last) and time.monotonic() < deadline:
        time.sleep(0.005)
    tail.stop()
    thread.join(timeout=30)

    first = tail.start_cursor + 1
    assert [event.cursor for event in delivered] == list(range(first, last + 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events_event SET type = 'x'",
        "DELETE FROM events_event",
        "UPDATE relay_message SET text = 'x'",
        "DELETE FROM relay_message",
    ],
)
def test_the_database_itself_refuses_to_rewrite_the_log(market: Market, statement: str) -> None:
    market.proposed_deal()

    with pytest.raises(DatabaseError, match="append-only"):
        execute(statement)

    assert audit.verify().events == 1


def test_the_log_cannot_be_replaced_or_truncated(market: Market) -> None:
    market.proposed_deal()
    if connection.vendor == "postgresql":
        statement = "TRUNCATE events_event"
    else:
        statement = "REPLACE INTO events_event SELECT * FROM events_event"

    with pytest.raises(DatabaseError, match="append-only"):
        execute(statement)


def a_log(market: Market) -> Deal:
    """A log of ten events and a few messages."""
    deal = market.attested_deal()
    for height in range(3):
        market.say(deal, Role.BUYER, Kind.DEPOSIT_REPORT, body=report(0, height=height))
    return deal


def lift_protection() -> None:
    """What only somebody with full power over the database can do."""
    if connection.vendor == "postgresql":
        for table in ("events_event", "relay_message"):
            execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    for table in ("events_event", "relay_message"):
        execute(f"DROP TRIGGER {table}_keeps_content")
        execute(f"DROP TRIGGER {table}_keeps_rows")


def change(market: Market) -> None:
    execute("UPDATE events_event SET data = '{}' WHERE cursor = 5")


def remove(market: Market) -> None:
    execute("DELETE FROM events_event WHERE cursor = 5")


def cut_off(market: Market) -> None:
    execute("DELETE FROM events_event WHERE cursor > 5")


def insert(market: Market) -> None:
    execute("UPDATE events_event SET cursor = cursor + 1000 WHERE cursor >= 5")
    execute(
        "INSERT INTO events_event SELECT 5, type, escrow_id, account_id, position, at, data, hash"
        " FROM events_event WHERE cursor = 4"
    )
    execute("UPDATE events_event SET cursor = cursor - 999 WHERE cursor >= 1000")


def reorder(market: Market) -> None:
    execute("UPDATE events_event SET cursor = 1000 WHERE cursor = 5")
    execute("UPDATE events_event SET cursor = 5 WHERE cursor = 6")
    execute("UPDATE events_event SET cursor = 6 WHERE cursor = 1000")


def swap_an_envelope(market: Market) -> None:
    execute("UPDATE relay_message SET text = 'forged' WHERE position = 5")


@pytest.mark.parametrize(
    "tamper", [change, remove, cut_off, insert, reorder, swap_an_envelope], ids=lambda f: f.__name__
)
def test_tampering_is_found_even_without_the_triggers(
    market: Market, tamper: Callable[[Market], None]
) -> None:
    a_log(market)
    lift_protection()
    assert audit.verify().events > 20

    tamper(market)

    with pytest.raises(LogAltered):
        audit.verify()


def test_a_log_written_anew_lacks_the_hash_noted_before(market: Market) -> None:
    market.proposed_deal()
    noted = audit.verify().hash
    append_some("later")

    assert audit.verify(expect=noted).events == 1 + 2 * EACH
    with pytest.raises(LogAltered):
        audit.verify(expect="f" * 64)


def test_strangers_see_nothing_and_a_page_still_moves_the_cursor(market: Market) -> None:
    stranger = open_account("stranger")
    a_log(market)

    answer = stranger.api.get("/api/events").body

    assert answer == {"events": [], "cursor": log.head()}


def test_pages_of_events_join_without_gap_or_overlap(market: Market) -> None:
    a_log(market)
    api, cursors, after = market.people[Role.VENDOR].api, [], 0
    while page := (answer := api.get(f"/api/events?after={after}&limit=4").body)["events"]:
        cursors += [event["cursor"] for event in page]
        after = answer["cursor"]

    assert cursors == list(range(1, log.head() + 1))


def test_reading_does_not_depend_on_who_else_reads(market: Market) -> None:
    a_log(market)
    person = market.people[Role.BUYER]

    events, cursor = log.read_for(Reader(person.account_id, is_admin=True), 3, limit=500)

    assert [event.cursor for event in events] == list(range(4, cursor + 1))
