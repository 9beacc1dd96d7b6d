"""The mailbox of an agent whose coordinator is gone: what is said goes onto its own record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tripartite.agent.intake import Cases
from tripartite.agent.ports import Forwarded, Placed
from tripartite.agent.speaking import MessageRefused
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.parties import Role
from tripartite.protocol.admission import admit


class FileRelay:
    """Judges as a coordinator would, and gives the next place."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def propose(self, text: str) -> Placed:  # noqa: ARG002 — the interface of a coordinator
        """Refuse: an escrow begins at a coordinator."""
        raise MessageRefused("Propose it through a coordinator.", reason="no_coordinator")

    def post(self, escrow_id: str, text: str) -> Placed:
        """The next place on the own record. Raises ``MessageRefused``."""
        case = self._cases.get(escrow_id)
        assert case is not None
        try:
            admission = admit(case.record, text)
        except (Refused, Tampered) as error:
            # Written before the coordinator went, and overtaken since.
            raise MessageRefused(error.detail, reason=error.code) from error
        if admission.duplicate:
            raise MessageRefused("It is on record already.", reason="already_said")
        return Placed(case.position + 1)

    def messages(self, escrow_id: str, *, after: int) -> Sequence[Forwarded]:  # noqa: ARG002 — the interface of a coordinator
        """None: files are taken in before the work begins."""
        return ()

    def names(self, escrow_id: str) -> Mapping[Role, str]:
        """Those that the coordinator told while it was there."""
        case = self._cases.get(escrow_id)
        return {} if case is None else case.names
