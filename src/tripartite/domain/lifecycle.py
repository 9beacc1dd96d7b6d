"""The life of an escrow, as one table.

The law: a state changes only by a row of ``ROWS``. A row says in which state which event, told by
whom, leads where, and what has to be done about it. Everything that depends on states is made from
the table: ``advance``, the moves each party is offered, the database constraint, metric labels and
``docs/lifecycle.md``. Nothing else compares states.

What the table promises (``tests/unit/domain/test_lifecycle.py`` holds it to this):

* no two rows disagree, and every state can be reached;
* from every state that may hold money there is a way to a paid-out end;
* no row told by the clock leads to a payout;
* an escrow is cancelled only before money;
* money that arrives when an escrow is over, however it ended, opens a refund.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role


class MoveNotOpen(Refused):
    """This can't happen in the escrow's present state."""

    code: ClassVar[str] = "move_not_open"


class NotYourMove(Refused):
    """Another party has to say this."""

    code: ClassVar[str] = "not_your_move"


class State(StrEnum):
    """Where an escrow stands. Values appear in the database, the API and metric labels."""

    CREATED = "created"
    ACCEPTED = "accepted"
    KEYING = "keying"
    AWAITING_DEPOSIT = "awaiting_deposit"
    FUNDED = "funded"
    RELEASING = "releasing"
    REFUNDING = "refunding"
    SETTLING = "settling"
    DISPUTED = "disputed"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    SETTLED = "settled"
    CANCELLED = "cancelled"

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    State.CREATED: "Terms are proposed; not everybody has signed them yet.",
    State.ACCEPTED: "All three have signed the same terms.",
    State.KEYING: "The three agents are making the 2-of-3 wallet.",
    State.AWAITING_DEPOSIT: "All three attested the deposit address; the deposit is missing.",
    State.FUNDED: "The deposit is there and confirmed; goods can go out.",
    State.RELEASING: "The money is on its way to the vendor.",
    State.REFUNDING: "The money is on its way back to the buyer.",
    State.SETTLING: "An agreed or ruled split is being paid out.",
    State.DISPUTED: "Buyer and vendor disagree; the arbiter will rule.",
    State.COMPLETED: "The vendor was paid; the transaction is final.",
    State.REFUNDED: "The buyer was paid back; the transaction is final.",
    State.SETTLED: "The split was paid out; the transaction is final.",
    State.CANCELLED: "Called off before any money arrived.",
}


class Event(StrEnum):
    """What can happen to an escrow."""

    TERMS_SIGNED = "terms_signed"
    KEY_EXCHANGE_STARTED = "key_exchange_started"
    KEY_EXCHANGE_RESTARTED = "key_exchange_restarted"
    ADDRESS_ATTESTED = "address_attested"
    DEPOSIT_CONFIRMED = "deposit_confirmed"
    DEPOSIT_VANISHED = "deposit_vanished"
    DEPOSIT_ARRIVED_LATE = "deposit_arrived_late"
    RELEASE_SIGNED = "release_signed"
    REFUND_SIGNED = "refund_signed"
    SETTLEMENT_PROPOSED = "settlement_proposed"
    SETTLEMENT_AGREED = "settlement_agreed"
    DISPUTE_OPENED = "dispute_opened"
    RULED_FOR_VENDOR = "ruled_for_vendor"
    RULED_FOR_BUYER = "ruled_for_buyer"
    RULED_SPLIT = "ruled_split"
    RELEASE_REPORTED = "release_reported"
    REFUND_REPORTED = "refund_reported"
    SETTLEMENT_REPORTED = "settlement_reported"
    PAYOUT_BROADCAST = "payout_broadcast"
    PAYOUT_VANISHED = "payout_vanished"
    RELEASE_CONFIRMED = "release_confirmed"
    REFUND_CONFIRMED = "refund_confirmed"
    SETTLEMENT_CONFIRMED = "settlement_confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DEADLINE_PASSED = "deadline_passed"

    @property
    def verb(self) -> str | None:
        """What a person does to make it happen, as the command line and the pages call it."""
        return _VERBS.get(self)


_VERBS: Final = {
    Event.RELEASE_SIGNED: "release",
    Event.REFUND_SIGNED: "refund",
    Event.SETTLEMENT_PROPOSED: "settle",
    Event.SETTLEMENT_AGREED: "agree",
    Event.DISPUTE_OPENED: "dispute",
    Event.RULED_FOR_VENDOR: "rule",
    Event.RULED_FOR_BUYER: "rule",
    Event.RULED_SPLIT: "rule",
    Event.CANCELLED: "cancel",
}


class Teller(StrEnum):
    """Who may say that an event happened."""

    BUYER = "buyer"
    VENDOR = "vendor"
    ARBITER = "arbiter"
    ALL_THREE = "all_three"
    """The last of three matching signatures."""
    WALLETS = "wallets"
    """Two parties' wallets, one of them not the payer's."""
    CHAIN = "chain"
    """The speaker's own Monero node."""
    CLOCK = "clock"


class Effect(StrEnum):
    """What has to be done after the step is stored. Names of duties, not code."""

    MAKE_WALLETS = "make_wallets"
    SHOW_ADDRESS = "show_address"
    WATCH_DEPOSIT = "watch_deposit"
    BUILD_PAYOUT = "build_payout"
    WATCH_PAYOUT = "watch_payout"
    CALL_ARBITER = "call_arbiter"
    RAISE_ALARM = "raise_alarm"
    TELL_PARTIES = "tell_parties"


@dataclass(frozen=True, slots=True)
class Row:
    """One permitted step."""

    state: State
    event: Event
    by: frozenset[Teller]
    next: State
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step taken: what was, what happened, what is, and what is to be done about it."""

    before: State
    event: Event
    after: State
    effects: tuple[Effect, ...]


PAYOUT_STATES: Final = (State.RELEASING, State.REFUNDING, State.SETTLING)
PAID_OUT: Final = frozenset({State.COMPLETED, State.REFUNDED, State.SETTLED})
CLOSED: Final = PAID_OUT | {State.CANCELLED}

BEFORE_THE_WALLET: Final = frozenset({State.CREATED, State.ACCEPTED, State.KEYING})
"""Where a wallet can still be given to the escrow."""

MAY_HOLD_MONEY: Final = frozenset(
    {State.AWAITING_DEPOSIT, State.FUNDED, State.DISPUTED, *PAYOUT_STATES}
)
"""States whose 2-of-3 wallet may hold money; ``awaiting_deposit`` after an underpayment."""

_BUYER = frozenset({Teller.BUYER})
_VENDOR = frozenset({Teller.VENDOR})
_ARBITER = frozenset({Teller.ARBITER})
_TRADERS = _BUYER | _VENDOR
_ANY_PARTY = _TRADERS | _ARBITER
_ALL_THREE = frozenset({Teller.ALL_THREE})
_WALLETS = frozenset({Teller.WALLETS})
_CHAIN = frozenset({Teller.CHAIN})
_CLOCK = frozenset({Teller.CLOCK})

_BEFORE_MONEY = (State.CREATED, State.ACCEPTED, State.KEYING, State.AWAITING_DEPOSIT)
_OPEN_WITH_MONEY = (State.FUNDED, State.DISPUTED, *PAYOUT_STATES)

_CONFIRMED = {
    Event.RELEASE_CONFIRMED: State.COMPLETED,
    Event.REFUND_CONFIRMED: State.REFUNDED,
    Event.SETTLEMENT_CONFIRMED: State.SETTLED,
}
REPORTED: Final = {
    Event.RELEASE_CONFIRMED: Event.RELEASE_REPORTED,
    Event.REFUND_CONFIRMED: Event.REFUND_REPORTED,
    Event.SETTLEMENT_CONFIRMED: Event.SETTLEMENT_REPORTED,
}
"""How two parties tell of a payout that they made without this record, by what makes it final."""
RULINGS: Final = {
    Event.RULED_FOR_VENDOR: State.RELEASING,
    Event.RULED_FOR_BUYER: State.REFUNDING,
    Event.RULED_SPLIT: State.SETTLING,
}
"""What the arbiter can rule, and which payout follows."""
_PAY = (Effect.BUILD_PAYOUT, Effect.TELL_PARTIES)
_WATCH = (Effect.WATCH_PAYOUT, Effect.TELL_PARTIES)
_TELL = (Effect.TELL_PARTIES,)


def confirmed_by(state: State) -> Event | None:
    """The event by which the payout expected in ``state`` becomes final; None outside payouts."""
    return {
        State.RELEASING: Event.RELEASE_CONFIRMED,
        State.REFUNDING: Event.REFUND_CONFIRMED,
        State.SETTLING: Event.SETTLEMENT_CONFIRMED,
    }.get(state)


def _rows_before_money() -> Iterable[Row]:
    """Terms, key exchange, deposit."""
    yield Row(
        State.CREATED,
        Event.TERMS_SIGNED,
        _ALL_THREE,
        State.ACCEPTED,
        (Effect.MAKE_WALLETS, Effect.TELL_PARTIES),
    )
    yield Row(State.ACCEPTED, Event.KEY_EXCHANGE_STARTED, _ANY_PARTY, State.KEYING, ())
    yield Row(
        State.KEYING,
        Event.KEY_EXCHANGE_RESTARTED,
        _ANY_PARTY,
        State.KEYING,
        (Effect.MAKE_WALLETS,),
    )
    yield Row(
        State.KEYING,
        Event.ADDRESS_ATTESTED,
        _ALL_THREE,
        State.AWAITING_DEPOSIT,
        (Effect.SHOW_ADDRESS, Effect.WATCH_DEPOSIT, Effect.TELL_PARTIES),
    )

    # The deposit. A reorganisation can take it away again; an underpaid one can be given back.
    yield Row(State.AWAITING_DEPOSIT, Event.DEPOSIT_CONFIRMED, _WALLETS, State.FUNDED, _TELL)
    yield Row(
        State.FUNDED,
        Event.DEPOSIT_VANISHED,
        _WALLETS,
        State.AWAITING_DEPOSIT,
        (Effect.WATCH_DEPOSIT, Effect.RAISE_ALARM, Effect.TELL_PARTIES),
    )
    yield Row(State.AWAITING_DEPOSIT, Event.REFUND_SIGNED, _VENDOR, State.REFUNDING, _PAY)
    alarm = (*_PAY, Effect.RAISE_ALARM)
    for state in (State.CANCELLED, *_CONFIRMED.values()):
        yield Row(state, Event.DEPOSIT_ARRIVED_LATE, _WALLETS, State.REFUNDING, alarm)


def _rows_with_money() -> Iterable[Row]:
    """Consent, disputes, payouts."""
    # Each trader can always give the money to the other one.
    for state in (State.FUNDED, State.DISPUTED):
        yield Row(state, Event.RELEASE_SIGNED, _BUYER, State.RELEASING, _PAY)
        yield Row(state, Event.REFUND_SIGNED, _VENDOR, State.REFUNDING, _PAY)
    for state in (State.AWAITING_DEPOSIT, *_OPEN_WITH_MONEY):
        yield Row(state, Event.SETTLEMENT_PROPOSED, _TRADERS, state, _TELL)
        yield Row(state, Event.SETTLEMENT_AGREED, _TRADERS, State.SETTLING, _PAY)

    # Disputes, also about a payout that doesn't move. A ruling can be replaced until it is paid:
    # that is what the arbiter's rows in payout states are for, and the record holds them to it.
    for state in (State.AWAITING_DEPOSIT, State.FUNDED, *PAYOUT_STATES):
        yield Row(
            state,
            Event.DISPUTE_OPENED,
            _TRADERS,
            State.DISPUTED,
            (Effect.CALL_ARBITER, Effect.TELL_PARTIES),
        )
    for ruling, follows in RULINGS.items():
        for state in (State.DISPUTED, *PAYOUT_STATES):
            yield Row(state, ruling, _ARBITER, follows, _PAY)

    # Payouts. Whatever was mined is the outcome, also when another payout was expected.
    for state in PAYOUT_STATES:
        yield Row(state, Event.PAYOUT_BROADCAST, _ANY_PARTY, state, _WATCH)
        yield Row(
            state,
            Event.PAYOUT_VANISHED,
            _CHAIN,
            state,
            (Effect.WATCH_PAYOUT, Effect.RAISE_ALARM),
        )
    for state in (State.DISPUTED, *PAYOUT_STATES):
        for confirmed, end in _CONFIRMED.items():
            yield Row(state, confirmed, _CHAIN, end, _TELL)
    # Two parties can pay out without this record, and then tell.
    for state in (State.AWAITING_DEPOSIT, State.FUNDED):
        for confirmed, reported in REPORTED.items():
            follows = next(one for one in PAYOUT_STATES if confirmed_by(one) is confirmed)
            yield Row(state, reported, _WALLETS, follows, _WATCH)


def _rows_of_calling_off() -> Iterable[Row]:
    """Cancelling, and the clock."""
    # The clock ends only what holds no money; else it only warns.
    for state in _BEFORE_MONEY:
        yield Row(state, Event.CANCELLED, _ANY_PARTY, State.CANCELLED, _TELL)
        yield Row(state, Event.EXPIRED, _CLOCK, State.CANCELLED, _TELL)
    for state in (*_BEFORE_MONEY, *_OPEN_WITH_MONEY):
        yield Row(
            state,
            Event.DEADLINE_PASSED,
            _CLOCK,
            state,
            (Effect.RAISE_ALARM, Effect.TELL_PARTIES),
        )


ROWS: Final[tuple[Row, ...]] = (
    *_rows_before_money(),
    *_rows_with_money(),
    *_rows_of_calling_off(),
)

FIRST_STATE: Final = State.CREATED
"""A proposal opens an escrow here."""

_BY_KEY: Final = {(row.state, row.event): row for row in ROWS}


def advance(state: State, event: Event, *, by: Teller) -> Step:
    """The step that ``event``, told by ``by``, makes from ``state``.

    Raises:
        MoveNotOpen: the table has no such row.
        NotYourMove: it has, but somebody else must say so.
    """
    row = _BY_KEY.get((state, event))
    if row is None:
        raise MoveNotOpen(
            f"An escrow that is {state.value} has no place for {event.value}; "
            f"look at its present state and what is open in it.",
            state=state.value,
            event=event.value,
        )
    if by not in row.by:
        tellers = ", ".join(sorted(teller.value for teller in row.by))
        raise NotYourMove(
            f"Only {tellers} can say {event.value} while the escrow is {state.value}.",
            state=state.value,
            event=event.value,
        )
    return Step(before=state, event=event, after=row.next, effects=row.effects)


def is_open(state: State, event: Event, *, by: Teller) -> bool:
    """Whether ``advance`` would take this step."""
    row = _BY_KEY.get((state, event))
    return row is not None and by in row.by


def open_moves(state: State, role: Role) -> tuple[Event, ...]:
    """What a person in this role may decide now, in the table's order; each has a ``verb``."""
    teller = Teller(role.value)
    return tuple(
        row.event
        for row in ROWS
        if row.state is state and teller in row.by and row.event.verb is not None
    )


def verbs(state: State, role: Role) -> tuple[str, ...]:
    """The words for ``open_moves``, each once: an arbiter's three rulings are one verb."""
    said = (event.verb for event in open_moves(state, role))
    return tuple(dict.fromkeys(verb for verb in said if verb is not None))


def shown_as(state: State, *, overdue: bool) -> str:
    """The state's name for people and the API.

    ``overdue`` says that the payout has not moved for the recovery delay (48 h by default).
    """
    return f"{state.value}_recovery_needed" if overdue and state in PAYOUT_STATES else state.value
