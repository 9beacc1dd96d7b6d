"""No form, however odd, makes a page fail; and what is refused changes nothing.

Every address of the pages that takes a form gets right and wrong fields, huge and foreign values,
bodies in wrong encodings, objects of others and of nobody. Each try is undone before the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_from_bytes, urlencode

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model
from django.test import Client, override_settings
from django.urls import get_resolver, reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.budget import budget
from tests.contract.engines import Engine, use_database
from tests.contract.kit import Market
from tests.contract.test_page_access import PASSWORD, names
from tests.contract.visitors import Place, furnish, half_signed_in, passkey_data, visitor
from tripartite.coordinator.accounts.models import Account, Attempt
from tripartite.coordinator.recovery.actions import Kind


@dataclass(frozen=True)
class Form:
    """A form's address: whose it is, what belongs into it, and into the address."""

    owner: str
    fields: Mapping[str, str] = field(default_factory=dict)
    of: str = ""
    """What of ``Place`` the address names."""
    more: tuple[str, ...] = ()
    """What else stands in the address."""


SOMEBODY: Final = "somebody-new"
NOBODY: Final = (
    "43N5Z3E229GQ4fTNAGwCeoTwr7wPDeomA8GHywikLzxA6Sw2"
    "sAuDUVy7aTTHjabPyW9nbYiMtDVP2ERzgrKPDaSY3PZcSnB"
)
"""An address whose keys nobody has."""
_PASSKEY: Final = json.dumps(passkey_data()["credential"])
_TOTALS: Final = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1"}

FORMS: Final[Mapping[str, Form]] = {
    "set_language": Form("nobody", {"language": "de", "next": "/escrows"}),
    "account_signup": Form(
        "nobody", {"username": SOMEBODY, "password1": PASSWORD, "password2": PASSWORD}
    ),
    "account_login": Form("nobody", {"login": "buyer", "password": PASSWORD, "next": "/account"}),
    "account_logout": Form("buyer", {"next": "/"}),
    "account_reauthenticate": Form("buyer", {"password": PASSWORD, "next": "/account/tokens"}),
    "account_change_password": Form(
        "buyer",
        {"oldpassword": PASSWORD, "password1": "another, a better", "password2": "another"},
    ),
    "mfa_authenticate": Form("half of careful", {"code": "123456", "credential": _PASSKEY}),
    "mfa_reauthenticate": Form("careful", {"code": "123456", "next": "/account"}),
    "mfa_activate_totp": Form("buyer", {"code": "123456"}),
    "mfa_deactivate_totp": Form("careful"),
    "mfa_generate_recovery_codes": Form("careful"),
    "mfa_add_webauthn": Form(
        "careful", {"name": "a key", "passwordless": "on", "credential": _PASSKEY}
    ),
    "mfa_reauthenticate_webauthn": Form("careful", {"credential": _PASSKEY, "next": "/account"}),
    "mfa_remove_webauthn": Form("careful", of="passkey"),
    "mfa_edit_webauthn": Form("careful", {"name": "a key"}, of="passkey"),
    "mfa_login_webauthn": Form("nobody", {"credential": _PASSKEY}),
    "end_sessions": Form("buyer", {"session": "others"}),
    "tokens": Form("buyer", {"label": "a reader", "scope": "read"}),
    "revoke_token": Form("buyer", of="token"),
    "agent": Form("buyer", {"port": "8711"}),
    "switch_maintenance": Form("operator", {"on": "yes", "reason": "the disk is full"}),
    "recovery_act": Form(
        "operator",
        {"action": Kind.CONTACT_ARBITER.value, "admin_notes": "nobody has said a word"},
        of="paid",
    ),
    # Of a party whose agent the operator runs.
    "attach_identity": Form("buyer", {"read": "yes"}),
    "decide": Form(
        "guest",
        {"payout_address": NOBODY, "sure": "x", "read": "yes"},
        of="attached",
        more=("accept",),
    ),
    "wallet_rpc": Form(
        "guest",
        {"rpc_url": "http://127.0.0.1:18083", "rpc_user": "alice", "rpc_password": "x"},
        of="attached",
    ),
    "sealed": Form("guest", of="attached"),
    "propose_here": Form(
        "guest",
        {
            "role": "buyer",
            "other": "vendor",
            "arbiter": "arbiter",
            "amount": "1.5",
            "arbiter_fee": "2",
            "network_fee": "payee",
            "subject": "a bicycle",
            "payout_address": NOBODY,
            "sure": "x",
            "read": "yes",
        },
    ),
    # Django's admin: one address of each kind.
    "admin:accounts_account_changelist": Form(
        "operator", {"action": "delete_selected", "_selected_action": "1", **_TOTALS}
    ),
    "admin:accounts_account_change": Form("operator", {"is_arbiter": "on"}, of="account"),
    "admin:accounts_account_delete": Form("operator", {"post": "yes"}, of="account"),
    "admin:accounts_pairedidentity_change": Form("operator", {"sign": "x"}, of="identity"),
    "admin:login": Form("nobody", {"username": "operator", "password": PASSWORD}),
    "admin:logout": Form("operator"),
    "admin:password_change": Form(
        "operator", {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x"}
    ),
}

_PASSING: Final = (Session, Attempt, LogEntry, ContentType, Permission)
"""What every visit writes to, refused or not; and what only migrations write to."""


@pytest.fixture(scope="module")
def place(engine: Engine) -> Iterator[Place]:
    quick = override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # Else the limits would answer most of what is tried.
        ACCOUNT_RATE_LIMITS=False,
    )
    with engine.database() as url, quick:
        use_database(url)
        yield furnish(Market())


def test_every_address_that_takes_a_form_is_tried(place: Place) -> None:
    """All others refuse the method, or show the same whatever is sent."""
    known = {"pk": 1, "token_id": 1, "escrow_id": place.paid.escrow_id, "name": "style.css"}
    known |= {"sha256": "0" * 64, "verb": "cancel"}
    taking = set()
    for name in names(get_resolver().url_patterns):
        if name.startswith("admin:") or name in FORMS:
            continue
        [[(_, places)], *_] = get_resolver().reverse_dict.getlist(name)[0]
        path = reverse(name, kwargs={one: known[one] for one in places})
        answers = {
            visitor(who, sure=True).post(path).status_code for who in ("operator", "careful")
        }
        if not answers <= {404, 405}:
            taking.add((name, *answers))

    assert taking == set()


_HALF_A_PASSKEY: Final = json.dumps(
    {
        "id": "AQ",
        "rawId": "AQ",
        "type": "public-key",
        "response": {
            "clientDataJSON": "e30",
            "authenticatorData": "AA",
            "signature": "AA",
            "userHandle": "MQ",
            "attestationObject": "oA",
        },
    }
)


def sent_values(right: str) -> st.SearchStrategy[bytes]:
    """One field's value, as it stands in a body."""
    odd = [
        "", " ", "\x00", "a\x00b", "ÿ", "☃" * 40, "x" * 20_000, "-1", "0", str(2**31), str(2**63),
        "9" * 400, "NaN", "1e999", "٣", "../../etc/passwd", "//evil.example/", "https://e/\r\nX: y",
        "[]", "{}", "null", "1", '"x"', '{"response": 1}', '{"id": 1, "rawId": [], "type": {}}',
        '{"response": {"userHandle": 1}}', '{"response": {"userHandle": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}}',
        _HALF_A_PASSKEY, "[" * 3_000, "<script>alert(1)</script>", "%s%d{}{0}", "buyer", "operator",
    ]  # fmt: skip
    half = st.sampled_from([b"\xff\xfe", b"\xed\xa0\x80", b"\xc3"])
    text = st.sampled_from([right, right, right, *odd]) | st.text(max_size=40)
    return text.map(lambda one: one.encode("utf-8", "surrogatepass")) | half


@st.composite
def bodies(draw: st.DrawFn, form: Form) -> tuple[bytes, str]:
    """A body and what it says that it is."""
    fields = [
        (name, draw(sent_values(value)))
        for name, value in form.fields.items()
        if draw(st.integers(0, 5))
    ]
    for _ in range(draw(st.integers(0, 2))):
        name = draw(
            st.sampled_from([*form.fields, "csrfmiddlewaretoken", "id", "\x00", "is_staff"])
        )
        fields.append((name, draw(sent_values("on"))))
    pairs = [f"{quote_from_bytes(name.encode())}={quote_from_bytes(v)}" for name, v in fields]
    plain = "&".join(pairs).encode()
    kind = draw(st.sampled_from(["form", "form", "form", "charset", "parts", "broken", "raw"]))
    match kind:
        case "form":
            return plain, "application/x-www-form-urlencoded"
        case "charset":
            name = draw(
                st.sampled_from(["utf-16", "latin-1", "no-such", "utf-8; charset=x", "idna"])
            )
            return plain, f"application/x-www-form-urlencoded; charset={name}"
        case "parts" | "broken":
            return _parts(fields, draw(st.sampled_from(["", '; filename="a\x00/../b"'])), kind)
    return draw(st.binary(max_size=200)), draw(
        st.sampled_from(
            ["application/x-www-form-urlencoded", "text/plain", "application/json", "", "x"]
        )
    )


def _parts(fields: list[tuple[str, bytes]], file: str, kind: str) -> tuple[bytes, str]:
    lines = [
        b'--XYZ\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), file.encode(), value)
        for name, value in fields
    ]
    if kind == "broken":
        return b"".join(lines)[:-5], "multipart/form-data; boundary=XYZ"
    return b"".join([*lines, b"--XYZ--\r\n"]), "multipart/form-data; boundary=XYZ"


def address_of(name: str, form: Form, place: Place) -> tuple[str, str]:
    """The right one, and a pattern into which any other object can be put."""
    if not form.of:
        return reverse(name), reverse(name)
    thing = getattr(place, form.of)
    wanted = getattr(thing, "escrow_id", thing)
    right = reverse(name, args=[wanted, *form.more])
    return right, right.replace(str(wanted), "{}")


_NOBODYS: Final = (
    "0",
    "999",
    str(2**31),
    str(2**63),
    "9" * 60,
    "x",
    "0" * 32,
    "%00",
    "%FF",
    "a%2Fb",
)


def browser_of(owner: str) -> Client:
    match owner:
        case "nobody":
            return visitor(None)
        case "half of careful":
            return half_signed_in("careful")
    return visitor(owner, sure=True)


def standing() -> str:
    """A hash over all that is stored, but for what is beside the point."""
    digest = hashlib.sha256()
    for model in kept():
        rows = model._default_manager.order_by("pk").values_list()
        digest.update(repr((model.__name__, *map(_plain, rows))).encode())
    return digest.hexdigest()


def kept() -> list[type[Model]]:
    return [one for one in apps.get_models() if one not in _PASSING and one._meta.managed]


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(bytes(one) if isinstance(one, memoryview) else one for one in row)


@pytest.mark.parametrize("name", FORMS)
def test_whatever_is_sent_is_answered_and_what_is_refused_changes_nothing(
    place: Place, name: str
) -> None:
    form = FORMS[name]
    right, pattern = address_of(name, form, place)

    @budget(4, shrink=False)
    @given(sent=bodies(form), other=st.none() | st.sampled_from(_NOBODYS), data=st.data())
    def every_form_is_answered(
        sent: tuple[bytes, str], other: str | None, data: st.DataObject
    ) -> None:
        path = right if other is None else pattern.format(other)
        with transaction.atomic():
            client = browser_of(form.owner)
            before = standing()
            answer = _post(client, path, *sent)
            after = standing()
            transaction.set_rollback(True)
        shown = f"{path}: {answer}"
        assert answer < 500, shown
        assert answer < 400 or after == before, shown
        assert path == right or "{}" not in pattern or answer >= 400 or after == before, shown

    every_form_is_answered()


@pytest.mark.parametrize("address", ["/escrows/%00", "/escrows/%00/sealed", "/api/escrow/%00"])
def test_no_address_has_a_zero_in_it(place: Place, address: str) -> None:
    assert browser_of("buyer").get(address).status_code == 404


def _post(client: Client, path: str, body: bytes, content_type: str) -> int:
    client.raise_request_exception = False
    return client.generic("POST", path, body, content_type=content_type).status_code


@pytest.mark.parametrize(
    "name", [name for name, form in FORMS.items() if "credential" in form.fields]
)
def test_garbage_in_the_form_of_a_passkey_is_refused(place: Place, name: str) -> None:
    """From a browser in which the page of that form is open, so that it waits for a passkey."""
    right, _ = address_of(name, FORMS[name], place)
    with transaction.atomic():
        client = browser_of(FORMS[name].owner)
        client.raise_request_exception = False
        answers = set()
        for garbage in (
            _HALF_A_PASSKEY,
            _PASSKEY,
            "null",
            "[]",
            "1",
            '{"response": 1}',
            "[" * 3_000,
        ):
            client.get(right, headers={"X-Requested-With": "XMLHttpRequest"})
            before = standing()
            answers.add(client.post(right, {"credential": garbage, "name": "x"}).status_code)
            assert standing() == before, garbage
        transaction.set_rollback(True)

    assert answers <= {200, 302}


@pytest.mark.parametrize("name", FORMS)
def test_a_right_form_from_elsewhere_or_from_somebody_else_changes_nothing(
    place: Place, name: str
) -> None:
    form = FORMS[name]
    right, _ = address_of(name, form, place)
    body = urlencode(form.fields).encode()
    others = {"nobody", "elsewhere", "buyer"} - {form.owner}
    if form.owner == "nobody":
        others = set()  # it is for everybody

    with transaction.atomic():
        forged = browser_of(form.owner)
        forged.handler.enforce_csrf_checks = True
        before = standing()
        answers = [
            _post(forged, right, one, "application/x-www-form-urlencoded")
            for one in (body, body + b"&csrfmiddlewaretoken=" + b"a" * 64)
        ]
        unchanged = standing() == before
        transaction.set_rollback(True)

    assert (set(answers), unchanged) == ({403}, True)
    if not form.of and form.owner != "operator":
        return  # to others it is the same form, about their own account
    for who in sorted(others):
        with transaction.atomic():
            client = browser_of(who)
            before = standing()
            answer = _post(client, right, body, "application/x-www-form-urlencoded")
            after = standing()
            transaction.set_rollback(True)
        assert (answer < 500, after) == (True, before), who


def test_no_form_makes_anybody_an_admin(place: Place) -> None:
    """Fields that aren't on the form are nobody's."""
    more = {"is_staff": "on", "is_superuser": "on", "is_arbiter": "on", "account": place.account}
    with transaction.atomic():
        for name, form in FORMS.items():
            if not name.startswith("admin:"):
                right, _ = address_of(name, form, place)
                browser_of(form.owner).post(right, {**form.fields, **more})
        found = set(Account.objects.filter(is_staff=True).values_list("name", flat=True))
        transaction.set_rollback(True)

    assert found == {"operator"}
