"""This agent's part in making the 2-of-3 wallet.

Every step after the first can't be repeated, and its lost answer can't be fetched: it is marked in
the journal before the wallet hears of it. Found begun but unfinished, the wallet is in doubt; it is
set aside and all three start the next attempt with fresh ones. That costs seconds, and no money
can be there yet.

A power cut may take the mark back, as it may take back what the wallet wrote, which syncs nothing.
Then the step is tried again: a wallet that has done it refuses, and is set aside as well. Nothing
was said by then, for what is said is synced before, and takes the mark along.
"""

from __future__ import annotations

from typing import assert_never

from tripartite.agent.desk import Desk, Outcome
from tripartite.agent.journal import Freeze, StoredCase
from tripartite.agent.ports import Boundary
from tripartite.agent.speaking import Say
from tripartite.agent.wallet_book import Phase
from tripartite.agent.wallets.records import WalletInDoubt, WalletRef
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.key_exchange import Round
from tripartite.monero.errors import (
    KeyExchangeFinished,
    RpcOutcomeUnknown,
    WalletAlreadyMultisig,
)
from tripartite.protocol.envelope import Kind
from tripartite.protocol.next_step import KeyExchange
from tripartite.protocol.record import transcript

_FIELD = "multisig_info"


def exchange_keys(desk: Desk, case: StoredCase, step: KeyExchange) -> Outcome:
    """Speak in the round that is due."""
    escrow_id, attempt = case.escrow_id, step.attempt
    if step.round is Round.PREPARE:
        ref = desk.book.assigned(escrow_id, attempt) or _take_wallet(desk, escrow_id, attempt)
        # Repeatable: another string from the same wallet serves as well (MONERO.md).
        return _words(desk, case, step, desk.wallets.prepare_multisig(ref))
    known = desk.book.assigned(escrow_id, attempt)
    if known is None:
        return _restart(desk, case, "wallet_missing")
    if desk.book.mark(escrow_id, Phase.KEY_EXCHANGE, attempt, step.round) is not None:
        return _restart(desk, case, "wallet_in_doubt")
    infos = _infos(desk, case, Round(step.round - 1))
    desk.book.start(escrow_id, Phase.KEY_EXCHANGE, attempt, step.round, synced=False)
    desk.at(Boundary.MARKED)
    try:
        answer = _ask(desk, known, step.round, infos)
    except (WalletInDoubt, RpcOutcomeUnknown, WalletAlreadyMultisig, KeyExchangeFinished):
        # The last two: it has done this step before, in a life that left no mark.
        return _restart(desk, case, "wallet_in_doubt")
    except Unavailable:
        # The wallet hasn't heard of it, so the step wasn't begun after all.
        desk.book.unmark(escrow_id, Phase.KEY_EXCHANGE, attempt, step.round)
        raise
    except Refused as refused:
        # Another party's words are no key exchange messages: an accident once, a lie if it repeats.
        desk.journal.alarm(escrow_id, None, Freeze(refused.code, refused.detail))
        return _restart(desk, case, refused.code)
    desk.at(Boundary.WALLET_ANSWERED)
    if step.round is Round.ATTEST:
        return _attest(desk, case, step, known, answer)
    return _words(desk, case, step, answer)


def _ask(desk: Desk, ref: WalletRef, this: Round, infos: tuple[str, str]) -> str:
    match this:
        case Round.MAKE:
            return desk.wallets.make_multisig(ref, infos)
        case Round.EXCHANGE:
            return desk.wallets.exchange(ref, infos)
        case Round.ATTEST:
            return desk.wallets.finish(ref, infos)
        case Round.PREPARE:
            return desk.wallets.prepare_multisig(ref)
        case _:
            assert_never(this)


def _words(desk: Desk, case: StoredCase, step: KeyExchange, info: str) -> Say:
    body = desk.seal(case, Kind.KEY_EXCHANGE, _FIELD, info, attempt=step.attempt, round_=step.round)
    return Say(
        Kind.KEY_EXCHANGE,
        body,
        step.attempt,
        step.round,
        also=lambda: desk.book.finish(case.escrow_id, Phase.KEY_EXCHANGE, step.attempt, step.round),
    )


def _attest(desk: Desk, case: StoredCase, step: KeyExchange, ref: WalletRef, address: str) -> Say:
    parse_address(address, case.record.agreement.terms.network)

    def store() -> None:
        desk.book.note_address(ref.name, address)
        desk.book.finish(case.escrow_id, Phase.KEY_EXCHANGE, step.attempt, step.round)

    body = {"address": address, "transcript": transcript(case.record)}
    return Say(Kind.ATTEST, body, step.attempt, step.round, also=store)


def _infos(desk: Desk, case: StoredCase, this: Round) -> tuple[str, str]:
    """What the two others said in a round, in the common order of roles."""
    first, second = case.role.others()
    return (
        desk.unseal(case, case.record.exchange[this, first], _FIELD),
        desk.unseal(case, case.record.exchange[this, second], _FIELD),
    )


def _take_wallet(desk: Desk, escrow_id: str, attempt: int) -> WalletRef:
    """A wallet made ahead, the warm one first; if there is none, a new one."""
    ready = desk.book.prepared()
    warm = desk.warm_wallet()
    for name in sorted(ready, key=lambda name: name != warm):
        # Synced together with the first words: until they are said, the wallet is anybody's.
        with desk.journal.commit(synced=False):
            taken = desk.book.assign(name, escrow_id, attempt)
        if taken:
            return desk.book.ref(name)
    ref = desk.wallets.new_ref()
    desk.book.note(ref)
    desk.wallets.make(ref, at_once=True)
    with desk.journal.commit():
        desk.book.made(ref.name)
        desk.book.assign(ref.name, escrow_id, attempt)
    return ref


def _restart(desk: Desk, case: StoredCase, reason: str) -> Say:
    attempt = case.record.attempt
    return Say(
        Kind.KEY_EXCHANGE_RESTART,
        {"reason": reason},
        attempt,
        also=lambda: desk.book.set_aside(case.escrow_id, attempt),
    )
