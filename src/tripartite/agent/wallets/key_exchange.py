"""The wallet's part of the key exchange; each function works on the slot that has it open.

A lost answer to make or exchange can't be fetched again: WalletInDoubt tells the caller to start
the next attempt. Which round comes next is the caller's journal's to know: the wallet itself can't
tell "after make" from "after the first exchange".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tripartite.agent.wallets.records import (
    ExchangeMessagesUnsound,
    NotTwoOfThree,
    WalletInDoubt,
    WalletRef,
)
from tripartite.agent.wallets.slots import Slot
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.key_exchange import THRESHOLD
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.errors import RpcAnswerUnreadable, RpcOutcomeUnknown

_PARTIES: Final = 3

# src/multisig/multisig_kex_msg.cpp: a mark for the first round and one for all later rounds, then
# base58. The longest seen has some 700 characters.
_FIRST: Final = re.compile(r"MultisigxV2R1[1-9A-HJ-NP-Za-km-z]{50,4000}")
_LATER: Final = re.compile(r"MultisigxV2Rn[1-9A-HJ-NP-Za-km-z]{50,4000}")


def prepare(slot: Slot) -> str:
    """The first message. Asking again gives another one that fits as well."""
    slot.begin_ceremony()
    message = slot.rpc.prepare_multisig().reveal()
    slot.prepared = True
    return message


def make(slot: Slot, ref: WalletRef, infos: tuple[str, str]) -> str:
    """The second message. Can't be undone, so the messages are checked before.

    The password isn't checked by make, which would re-encrypt the wallet with a wrong one; it is
    right because this wallet was opened or made with it. make sets the threshold, and stores.
    """
    check_messages(infos, first_round=True)
    if not slot.prepared:
        # The wallet was reopened since, and has forgotten that multisig is enabled: make would
        # go through and every exchange after it fail. The message given before still fits.
        prepare(slot)
    slot.begin_ceremony()
    with _changing(slot, ref):
        secrets = [Secret(info) for info in infos]
        step = slot.rpc.make_multisig(secrets, ref.password, threshold=THRESHOLD)
    with _changed(slot, ref):
        slot.note_change()
    return step.message


def exchange(slot: Slot, ref: WalletRef, infos: tuple[str, str]) -> str:
    """The third message. Stored at once: a process killed before leaves a wallet that won't open."""
    check_messages(infos, first_round=False)
    slot.begin_ceremony()
    with _changing(slot, ref):
        step = slot.rpc.exchange_multisig_keys(infos, ref.password)
    with _changed(slot, ref):
        slot.rpc.store()
        slot.note_change()
    return step.message


def finish(slot: Slot, ref: WalletRef, infos: tuple[str, str], network: Network) -> str:
    """Take in the last messages; the final address. The wallet stores by itself."""
    check_messages(infos, first_round=False)
    with _changing(slot, ref):
        slot.rpc.exchange_multisig_keys(infos, ref.password)
    with _changed(slot, ref):
        status = slot.rpc.is_multisig()
        if not status.ready or (status.threshold, status.total) != (THRESHOLD, _PARTIES):
            raise NotTwoOfThree(
                "Start the next attempt, and ask the others what their agents did.",
                threshold=status.threshold,
                total=status.total,
            )
        # Only now final: before, get_address gives placeholders.
        address = slot.rpc.get_address()
        parse_address(address, network)
        slot.note_change()
        slot.fix_address(ref.name, address)
    slot.end_ceremony()
    return address


def check_messages(infos: tuple[str, str], *, first_round: bool) -> None:
    """Raises ExchangeMessagesUnsound unless these can be the messages of two others."""
    if len(infos) != _PARTIES - 1 or len(set(infos)) != len(infos):
        raise ExchangeMessagesUnsound("Give one message of each of the two other parties.")
    form = _FIRST if first_round else _LATER
    if any(form.fullmatch(info) is None for info in infos):
        raise ExchangeMessagesUnsound("A message is garbled or belongs to another round.")


@contextmanager
def _changing(slot: Slot, ref: WalletRef) -> Iterator[None]:
    """A call that changes the wallet's keys: noted before, in doubt if its answer is lost."""
    before = slot.expect_change(ref.name)
    try:
        yield
    except (RpcOutcomeUnknown, RpcAnswerUnreadable) as error:
        raise _in_doubt(slot, ref) from error
    except TripartiteError:
        # A refusal leaves the wallet as it was.
        slot.notebook.write(ref.name, before)
        raise


@contextmanager
def _changed(slot: Slot, ref: WalletRef) -> Iterator[None]:
    """What follows such a call: if that fails, the wallet has heard all the same.

    Asked for the round again, it would say that the others' words belong to another one.
    """
    try:
        yield
    except Unavailable as error:
        raise _in_doubt(slot, ref) from error


def _in_doubt(slot: Slot, ref: WalletRef) -> WalletInDoubt:
    slot.distrust()
    return WalletInDoubt(
        "Start the next attempt with fresh wallets; this one may be set aside.", wallet=ref.name
    )
