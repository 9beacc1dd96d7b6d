"""Limits and maintenance as programs and people read them."""

from __future__ import annotations

from collections.abc import Iterator

from tripartite.coordinator.limits import maintenance
from tripartite.coordinator.limits.gate import used
from tripartite.coordinator.limits.maintenance import Maintenance
from tripartite.coordinator.storing import rfc3339
from tripartite.domain.limits import Limits, escrows_left, volume_left
from tripartite.domain.money import format_xmr

Standing = dict[str, "str | int | bool | None"]


def standing(limits: Limits) -> Standing:
    """What may still be proposed; amounts are piconero as text, None is no limit."""
    spent, found = used(limits), maintenance.present()
    return {
        "max_escrow_amount_atomic": _text(limits.escrow_amount),
        "max_total_volume_atomic": _text(limits.total_volume),
        "total_volume_left_atomic": _text(volume_left(limits, spent)),
        "max_concurrent_escrows": limits.concurrent_escrows,
        "concurrent_escrows_left": escrows_left(limits, spent),
        "maintenance": found.on,
        "reason": found.reason,
    }


def described(limits: Limits) -> Iterator[str]:
    """The same in a few lines."""
    spent = used(limits)
    volume, number = volume_left(limits, spent), escrows_left(limits, spent)
    yield sentence(maintenance.present())
    if limits.escrow_amount is not None:
        yield f"one escrow: {format_xmr(limits.escrow_amount)} XMR at most"
    if limits.total_volume is not None and volume is not None:
        whole = format_xmr(limits.total_volume)
        yield f"all together: {format_xmr(volume)} of {whole} XMR are left"
    if number is not None:
        yield f"open at once: {number} of {limits.concurrent_escrows} are left"


def sentence(found: Maintenance) -> str:
    """How maintenance stands."""
    since = "" if found.switched_at is None else f" since {rfc3339(found.switched_at)}"
    by = f", switched by {found.switched_by}" if found.switched_by else ""
    if found.on:
        return f"maintenance is on{since}{by}: no new escrows. {found.reason}"
    return f"maintenance is off{since}{by}: new escrows are taken"


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
