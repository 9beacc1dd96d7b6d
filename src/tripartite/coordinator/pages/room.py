"""What a reader is told about the launch limits, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tripartite.coordinator.limits.gate import look, used
from tripartite.domain.limits import (
    AmountAboveLimit,
    EscrowLimitReached,
    Limits,
    UnderMaintenance,
    VolumeLimitReached,
    escrows_left,
    volume_left,
)
from tripartite.domain.money import Piconero, format_xmr


def room(limits: Limits) -> list[tuple[str, str]]:
    """Each limit that there is, with what is left."""
    spent = used(limits)
    volume, number = volume_left(limits, spent), escrows_left(limits, spent)
    shown = []
    if limits.escrow_amount is not None:
        shown.append((_("One escrow"), _("up to %s XMR") % format_xmr(limits.escrow_amount)))
    if limits.total_volume is not None and volume is not None:
        words = {"left": format_xmr(volume), "limit": format_xmr(limits.total_volume)}
        shown.append((_("All escrows together"), _("%(left)s of %(limit)s XMR are left") % words))
    if number is not None:
        counts = {"left": number, "limit": limits.concurrent_escrows}
        shown.append((_("Open at once"), _("%(left)s of %(limit)s are left") % counts))
    return shown


def objection(limits: Limits, amount: Piconero) -> str:
    """Why a proposal of ``amount`` wouldn't be taken now; empty if it would."""
    try:
        look(limits, amount)
    except UnderMaintenance:
        return _("No new escrows are taken during maintenance. Propose it again later.")
    except AmountAboveLimit as error:
        most = format_xmr(int(error.facts["limit"]))
        return _("One escrow may hold %s XMR here at most.") % most
    except VolumeLimitReached as error:
        words = {name: format_xmr(int(value)) for name, value in error.facts.items()}
        return (
            _("All escrows here together may hold %(limit)s XMR, of which %(left)s XMR are left.")
            % words
        )
    except EscrowLimitReached as error:
        return (
            _(
                "%(limit)s escrows are open here, and no more may be at once. Wait until one has ended."
            )
            % error.facts
        )
    return ""
