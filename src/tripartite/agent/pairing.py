"""Bind this agent to an account at a coordinator."""

from __future__ import annotations

from typing import ClassVar

from tripartite.agent.coordinator_client import CoordinatorClient, Origin
from tripartite.agent.home import OpenHome, utc_now
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.secrets import Secret
from tripartite.protocol.pairing import write_card


class CoordinatorOfWrongNetwork(Refused):
    """The coordinator serves another Monero network than this agent."""

    code: ClassVar[str] = "coordinator_wrong_network"


class PairedElsewhere(Refused):
    """This agent belongs to another account or coordinator already."""

    code: ClassVar[str] = "paired_elsewhere"


class FingerprintSwapped(Tampered):
    """The coordinator noted another identity than this agent's."""

    code: ClassVar[str] = "fingerprint_swapped"


def pair_with(opened: OpenHome, url: str, token: Secret, *, proxy: str | None = None) -> str:
    """Send the pairing card and store where this agent belongs; the account's name.

    Doing it again with a new token is fine. Raises ``CoordinatorUrlInsecure``,
    ``CoordinatorOfWrongNetwork``, ``PairedElsewhere``, ``CoordinatorRefused``,
    ``FingerprintSwapped``, or an ``Unavailable``.
    """
    origin = Origin(url.rstrip("/"))
    client = CoordinatorClient(origin, token, proxy=proxy)
    try:
        network = client.network()
        if network != opened.network.value:
            raise CoordinatorOfWrongNetwork(
                f"It serves {network[:20]}; this agent was made for {opened.network.value}."
            )
        account = client.own_account()
        before = opened.journal.setting("coordinator"), opened.journal.setting("account")
        if before not in ((None, None), (origin.url, account)):
            raise PairedElsewhere("Make another home for another account or coordinator.")
        card = write_card(
            opened.identity, account=account, coordinator=origin.url, issued_at=utc_now()
        )
        if client.pair(card) != opened.identity.public.fingerprint:
            raise FingerprintSwapped("Trade nothing there. Ask its operator.")
    finally:
        client.close()
    with opened.journal.commit():
        opened.journal.set_setting("coordinator", origin.url)
        opened.journal.set_setting("account", account)
        opened.journal.set_secret("token", token)
        if proxy is not None:
            opened.journal.set_setting("proxy", proxy)
    return account
