"""A place with something on every page, and the people who see it: with every kind of sign-in."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from tests.contract.kit import Deal, Market, open_account, report
from tests.contract.successors import ready_successor
from tests.contract.test_page_access import PASSWORD, browser
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.recovery.models import Incident
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.models import AttachedIdentity
from tripartite.domain.deadlines import Stage
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

APP = Authenticator.Type.TOTP
CODES = Authenticator.Type.RECOVERY_CODES
PASSKEY = Authenticator.Type.WEBAUTHN


@dataclass(frozen=True)
class Place:
    """Escrows at several points of their lives, one of them a recovery case."""

    proposed: Deal
    waiting: Deal
    disputed: Deal
    paid: Deal
    attached: Deal
    held: Deal
    moved: Deal
    successor: Deal
    token: int
    passkey: int
    account: int
    identity: int


def furnish(market: Market) -> Place:
    """Make everything that a page could show.

    buyer: nothing but a password. guest: an agent that the operator runs. careful: every second factor, and no escrow. arbiter and operator
    (a superuser): an app. elsewhere: an arbiter of nothing, with an app.
    """
    place = (
        market.proposed_deal(),
        market.attested_deal(),
        market.disputed_deal(),
        market.broadcast_deal(),
        *_deals_of_a_guest(market),
    )
    at = now()
    Incident.objects.create(
        escrow_id=place[3].escrow_id,
        state="releasing",
        began_at=at,
        stage=int(Stage.RECOVERY),
        raised_at=at,
    )
    careful = Account.objects.create_user("careful")
    Account.objects.create_user("elsewhere", is_arbiter=True)
    Account.objects.create_superuser("operator")
    Account.objects.filter(name="arbiter").update(is_arbiter=True)
    Account.objects.update(password=make_password(PASSWORD))
    for name in ("careful", "arbiter", "elsewhere", "operator"):
        account = Account.objects.get(name=name)
        Authenticator.objects.create(user=account, type=APP, data={"secret": "A" * 32})
    Authenticator.objects.create(user=careful, type=CODES, data={"seed": "ab" * 40, "used_mask": 1})
    passkey = Authenticator.objects.create(user=careful, type=PASSKEY, data=passkey_data())
    buyer = Account.objects.get(name=market.people[Role.BUYER].name)
    return Place(
        *place,
        token=buyer.tokens.get().pk,
        passkey=passkey.pk,
        account=buyer.pk,
        identity=buyer.identity.pk,
    )


def _deals_of_a_guest(market: Market) -> tuple[Deal, Deal, Deal, Deal]:
    """The guest is a vendor whose agent the operator runs.

    Something was just proposed to them; something is paid in; and something else is to be moved to
    another arbiter's escrow, which comes last.
    """
    guest = open_account("guest")
    AttachedIdentity.objects.create(account_id=guest.account_id, asked_at=now())
    with_guest = Market({**market.people, Role.VENDOR: guest})
    held, moved = (with_guest.attested_deal() for _ in range(2))
    for deal in (held, moved):
        for role in (Role.BUYER, Role.VENDOR):
            with_guest.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
    successor = ready_successor(with_guest, moved, open_account("erin"))
    return with_guest.proposed_deal(), held, moved, successor


def visitor(name: str | None, *, sure: bool = False) -> Client:
    """Somebody's browser, signed in; ``sure``: the password was asked for again just now."""
    account = None if name is None else Account.objects.get(name=name)
    client = browser(account)
    if account is not None and sure:
        session = client.session
        session[f"{AUTHENTICATION_METHODS_SESSION_KEY}_user"] = user_id_to_str(account)
        session[AUTHENTICATION_METHODS_SESSION_KEY] = [
            {"method": "password", "at": time.time(), "reauthenticated": True}
        ]
        session.save()
    return client


def half_signed_in(name: str) -> Client:
    """The password was right, and the second factor is asked for now."""
    client = browser(None)
    answer = client.post("/login", {"login": name, "password": PASSWORD})
    assert answer["Location"] == "/second-factor/authenticate/"
    return client


def passkey_data() -> dict[str, object]:
    """As a browser registers one that opens the account without a password."""
    name = b"\x01" * 16
    key = ES256({1: 2, 3: -7, -1: 1, -2: b"\x02" * 32, -3: b"\x03" * 32})
    made = AuthenticatorData.create(
        hashlib.sha256(b"localhost").digest(),
        AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT,
        0,
        AttestedCredentialData.create(b"\x00" * 16, name, key),
    )
    said = CollectedClientData.create(
        type="webauthn.create", challenge=b"challenge", origin="http://localhost"
    )
    response = {
        "clientDataJSON": websafe_encode(said),
        "attestationObject": websafe_encode(AttestationObject.create("none", made, {})),
        "transports": ["internal"],
    }
    credential = {
        "type": "public-key",
        "id": websafe_encode(name),
        "rawId": websafe_encode(name),
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": response,
    }
    return {"name": "my telephone", "credential": credential}
