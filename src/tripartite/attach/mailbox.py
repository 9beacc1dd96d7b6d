"""The coordinator as an attached agent sees it: the same judge and log, without HTTP between.

Every message is stored in a transaction that only the holder of the escrow's lease can make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tripartite.agent.ports import Forwarded, Placed
from tripartite.agent.speaking import MessageRefused
from tripartite.coordinator.accounts.models import Account, PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.limits import gate
from tripartite.coordinator.presence.watching import require_arbiter
from tripartite.coordinator.relay import posting
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.relay.posting import Posted
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.limits import Limits
from tripartite.domain.money import Piconero
from tripartite.domain.parties import Network, Role
from tripartite.protocol.identity import PublicIdentity


class Mailbox:
    """Speaks for one account, under the lease of one escrow."""

    def __init__(self, account: Account, lease: Lease, *, network: Network, limits: Limits) -> None:
        self._caller = Caller(account.pk, account.name, is_admin=False, token_id=0)
        self._lease = lease
        self._network = network
        self._limits = limits

    def propose(self, text: str) -> Placed:
        """Open an escrow. Raises ``MessageRefused`` or an ``Unavailable``, also ``LeaseLost``."""
        return self._store(
            lambda: posting.propose(
                self._caller,
                text,
                network=self._network,
                limits=self._limits,
                remember=_nothing,
            )
        )

    def post(self, escrow_id: str, text: str) -> Placed:
        """Say something. Raises ``MessageRefused`` or an ``Unavailable``, also ``LeaseLost``."""
        return self._store(
            lambda: posting.post_message(self._caller, escrow_id, text, remember=_nothing)
        )

    def messages(self, escrow_id: str, *, after: int) -> Sequence[Forwarded]:
        """All messages after a position, in order."""
        rows = Message.objects.filter(escrow_id=escrow_id, position__gt=after)
        return [
            Forwarded(escrow_id, position, text)
            for position, text in rows.order_by("position").values_list("position", "text")
        ]

    def names(self, escrow_id: str) -> Mapping[Role, str]:
        """Which accounts the parties have."""
        rows = Participant.objects.filter(escrow_id=escrow_id).select_related("account")
        return {Role(row.role): row.account.name for row in rows}

    def identity_of(self, account: str) -> PublicIdentity | None:
        """The identity paired with an account."""
        row = PairedIdentity.objects.filter(account__name=account).first()
        return None if row is None else PublicIdentity(row.sign, row.seal)

    def require_room(self, amount: Piconero) -> None:
        """Raise if an escrow of this amount would not be let in now."""
        gate.look(self._limits, amount)

    def require_arbiter(self, account: str) -> None:
        """Raise ``ArbiterOffline`` if this arbiter's agent is known to be away."""
        row = PairedIdentity.objects.filter(account__name=account).first()
        if row is not None:
            require_arbiter(row.account_id)

    def _store(self, post: Callable[[], Posted]) -> Placed:
        refusal: Refused | Tampered | None = None
        posted: Posted | None = None
        with fenced(self._lease):
            try:
                posted = post()
            except (Refused, Tampered) as error:
                # Kept until the end of the transaction, which also stores that it was refused.
                refusal = error
        if refusal is not None:
            raise MessageRefused(refusal.detail, reason=refusal.code) from refusal
        assert posted is not None
        return Placed(posted.position)


def _nothing(_: Posted) -> None:
    """No answer has to be remembered."""
