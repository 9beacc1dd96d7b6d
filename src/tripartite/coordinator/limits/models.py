"""The one row that everybody passes who opens an escrow."""

from __future__ import annotations

from typing import Final

from django.db import models

LONGEST_REASON: Final = 300
"""Characters: it stands at the top of every page."""


class Gate(models.Model):
    """Locked by each proposal until its commit; closed while maintenance is on."""

    maintenance = models.BooleanField(default=False)
    # Of a maintenance that is on; else empty.
    reason = models.CharField(max_length=LONGEST_REASON, default="")
    # When maintenance was last switched, and by which admin; "" is the server's own command line.
    switched_at = models.DateTimeField(null=True)
    switched_by = models.CharField(max_length=150, default="")

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="maintenance_has_a_reason",
                condition=(models.Q(maintenance=True) & ~models.Q(reason=""))
                | models.Q(maintenance=False, reason=""),
            ),
        )
