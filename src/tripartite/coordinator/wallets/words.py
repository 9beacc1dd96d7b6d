"""What can be clicked about an escrow, and whether it may be now: by the record alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tripartite.coordinator.wallets.errors import EvidenceTooLarge, OfferChanged, WordsMissing
from tripartite.coordinator.wallets.moving import destination, is_paid_as_before, named, new_terms
from tripartite.domain.addresses import parse_address
from tripartite.domain.lifecycle import MoveNotOpen
from tripartite.domain.parties import Role
from tripartite.domain.settlement import divide, ruling
from tripartite.protocol.next_step import MOVE, is_argued, must_accept, open_verbs, ruling_to_sign
from tripartite.protocol.record import Record
from tripartite.protocol.succession import may_replace

Content = Mapping[str, str]

MAX_TEXT: Final = 20_000
"""Characters in a reason or statement: what the agent takes, too."""
MAX_EVIDENCE_BYTES: Final = 256 * 1024
"""Of one file. In base64 it fits into one request body (516 KiB)."""


_AGREED: Final = ("vendor_share", "vendor_bps")
_MOVED: Final = ("successor", "successor_address")


class Click(StrEnum):
    """What can be decided through the coordinator."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    RELEASE = "release"
    REFUND = "refund"
    CANCEL = "cancel"
    SETTLE = "settle"
    AGREE = "agree"
    DISPUTE = "dispute"
    STATE = "state"
    EVIDENCE = "evidence"
    RULE = "rule"
    RESUME = "resume"
    REPLACE = "replace"
    """Propose an escrow with another arbiter, which takes over the money."""
    MOVE = "move"
    """Have the money moved there; decided in the escrow where the money is."""


def open_clicks(record: Record, role: Role, successor: Record | None = None) -> tuple[Click, ...]:
    """What this party can decide now, in the lifecycle's order.

    ``successor`` is the open escrow that is to take over the money. Not whether its agent has
    stopped, which ``RESUME`` is for: only that agent knows.
    """
    if must_accept(record, role):
        return (Click.ACCEPT, Click.CANCEL)
    found = [Click(verb) for verb in open_verbs(record, role) if verb != MOVE]
    if ruling_to_sign(record, role) is not None and Click.AGREE not in found:
        found.insert(0, Click.AGREE)
    if destination(record, role, successor) is not None:
        found.insert(0, Click.MOVE)
    if is_argued(record):
        found += [Click.STATE, Click.EVIDENCE]
    if successor is None and may_replace(record, role):
        found.append(Click.REPLACE)
    return tuple(found)


def check_open(record: Record, role: Role, click: Click, successor: Record | None = None) -> None:
    """``successor`` as in ``open_clicks``. Raises ``MoveNotOpen``."""
    if click is Click.RESUME or click in open_clicks(record, role, successor):
        return
    raise MoveNotOpen(
        f"The escrow is {record.state.value}: {record.state.meaning} "
        f"The {role.value} can't decide that now.",
        state=record.state.value,
        event=click.value,
    )


def on_the_table(record: Record, role: Role) -> Content:
    """What ``AGREE`` would agree to, named as a click has to name it: an offer, or a ruling."""
    for by, offer in record.offers.items():
        if by is not role and offer.vendor_share is not None:
            return {"vendor_share": str(offer.vendor_share)}
    ruled = ruling_to_sign(record, role)
    return {} if ruled is None else {"vendor_bps": str(ruled.vendor_bps)}


def check_words(
    record: Record,
    role: Role,
    click: Click,
    content: Content,
    successor: Record | None = None,
) -> None:
    """Whether everything is said that belongs to a click, and can be meant.

    ``successor`` as in ``open_clicks``. Raises ``WordsMissing``, ``OfferChanged``,
    ``EvidenceTooLarge``, ``ShareOutOfRange``, and what ``parse_address`` and ``new_terms`` raise.
    """
    terms = record.agreement.terms
    match click:
        case Click.ACCEPT:
            if content.get("payout_address") or not is_paid_as_before(record, role):
                parse_address(_said(content, "payout_address"), terms.network)
        case Click.SETTLE:
            share = int(_said(content, "vendor_share"))
            divide(terms.amount, terms.amount, terms.fees, vendor_share=share)
        case Click.RULE:
            bps = int(_said(content, "vendor_bps"))
            ruling(terms.amount, terms.amount, terms.fees, vendor_bps=bps)
        case Click.AGREE:
            told = {name: content[name] for name in _AGREED if name in content}
            if told != on_the_table(record, role):
                raise OfferChanged("Look at it again, then name what you agree to.")
        case Click.DISPUTE | Click.STATE:
            if len(_said(content, "text").strip()) > MAX_TEXT:
                raise WordsMissing(f"Say it in up to {MAX_TEXT} characters.")
        case Click.MOVE:
            _check_destination(record, role, content, successor)
        case Click.REPLACE:
            _check_replacement(record, role, content)
        case Click.EVIDENCE:
            _said(content, "file_name")
            read_file(_said(content, "file_data"))
        case _:
            pass


def read_file(data: str) -> bytes:
    """A file of evidence, out of base64. Raises ``WordsMissing``, ``EvidenceTooLarge``."""
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError as error:  # also what binascii raises
        raise WordsMissing("Say file_data in base64.") from error
    if not raw:
        raise WordsMissing("The file is empty.")
    if len(raw) > MAX_EVIDENCE_BYTES:
        raise EvidenceTooLarge(
            f"A file has up to {MAX_EVIDENCE_BYTES} bytes here: make it smaller, or split it.",
            limit=MAX_EVIDENCE_BYTES,
        )
    return raw


def _check_destination(
    record: Record, role: Role, content: Content, successor: Record | None
) -> None:
    to = destination(record, role, successor)
    if to is None or {name: content.get(name, "") for name in _MOVED} != named(to):
        raise OfferChanged("Look at it again, then name the escrow and its address.")


def _check_replacement(record: Record, role: Role, content: Content) -> None:
    _said(content, "arbiter")
    new = new_terms(record, role, int(_said(content, "arbiter_bps")))
    if content.get("amount", str(new.amount)) != str(new.amount):
        raise OfferChanged(f"What is sure to arrive is {new.amount} piconero now.")


def _said(content: Content, name: str) -> str:
    if not content.get(name, "").strip():
        raise WordsMissing(f"Say {name}.")
    return content[name]
