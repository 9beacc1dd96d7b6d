"""Identity keys of attached parties: made here, paired with their accounts."""

from __future__ import annotations

from collections.abc import Callable

from tripartite.agent.home import utc_now
from tripartite.attach.homes import Homes
from tripartite.coordinator.accounts.models import Account, PairedIdentity
from tripartite.coordinator.accounts.pairing import pair
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.models import AttachedIdentity
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.protocol.identity import PublicIdentity
from tripartite.protocol.pairing import write_card


def make_identities(homes: Homes, *, origin: str) -> Callable[[Lease], Again | None]:
    """The handler for ``identity:<account id>``. ``origin`` is the coordinator's public one."""

    def reconcile(lease: Lease) -> Again | None:
        account_id = int(lease.key.removeprefix(keys.IDENTITY))
        account = Account.objects.filter(pk=account_id).first()
        wanted = AttachedIdentity.objects.filter(pk=account_id).exists()
        if account is None or not wanted:
            return None
        if PairedIdentity.objects.filter(account_id=account_id).exists():
            return None
        caller = Caller(account_id, account.name, is_admin=False, token_id=0)
        with homes.identity(account_id) as opened:
            opened.journal.set_setting("account", account.name)
            card = write_card(
                opened.identity, account=account.name, coordinator=origin, issued_at=utc_now()
            )
            with fenced(lease):
                pair(caller, card, origin=origin, remember=_nothing)
        return None

    return reconcile


def _nothing(_: PublicIdentity) -> None:
    """No answer has to be remembered."""
