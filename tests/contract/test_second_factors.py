"""What second factors are made of is sealed in the database, and opens what it should."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client, override_settings

from tests.contract.test_page_access import browser
from tests.contract.test_pages import PASSWORD, sign_in
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.accounts.sessions import SESSIONS_KEY, forget_ended
from tripartite.coordinator.keyring import SealedRowMoved, _keyring_at
from tripartite.coordinator.ops.health import checks
from tripartite.coordinator.rotating import keyring_trouble, list_keys, rotate
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Runner

APP = Authenticator.Type.TOTP
CODES = Authenticator.Type.RECOVERY_CODES
HALF_MINUTES = (7, 8, 9)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "keyring"
    before = settings.COORDINATOR
    settings.COORDINATOR = replace(before, keyring_file=path)
    yield path
    settings.COORDINATOR = before


@pytest.fixture
def careful(database: str, ring: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Signed in as somebody who has no second factor yet. Time stands still."""
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter(HALF_MINUTES))
    # Passwords aren't what is tested here.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        Account.objects.create_user("careful", PASSWORD)
        client = browser(None)
        assert sign_in(client, "careful") == 302
        client.post("/reauthenticate", {"password": PASSWORD})
        yield client


def code_of(secret: str, half_minute: int) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, half_minute)))


def set_up_app(client: Client) -> tuple[str, list[str]]:
    """By the pages. The app's secret, and the recovery codes."""
    page = client.get("/second-factor/totp/activate/").text
    secret = re.findall(r'value="([A-Z2-7]{32})"', page)[0]
    done = client.post("/second-factor/totp/activate/", {"code": code_of(secret, 8)}, follow=True)
    return secret, re.findall(r"\b\d{8}\b", done.text)


def sign_in_with(code: str) -> bool:
    client = browser(None)
    sign_in(client, "careful")
    client.post("/second-factor/authenticate/", {"code": code})
    return client.get("/escrows").status_code == 200


def rows() -> dict[str, dict[str, object]]:
    """The table as it is, past all that opens it."""
    with connection.cursor() as sql:
        sql.execute("SELECT type, CAST(data AS text) FROM mfa_authenticator")
        return {kind: json.loads(data) for kind, data in sql.fetchall()}


def test_what_a_second_factor_is_made_of_is_nowhere_in_the_database(careful: Client) -> None:
    secret, _codes = set_up_app(careful)
    seed = decrypt(Authenticator.objects.get(type=CODES).data["seed"])

    stored = json.dumps(rows())
    sessions = stored_sessions()

    assert re.fullmatch(r"[0-9a-f]{80}", seed)
    assert [text for text in (secret, seed) if text in stored + sessions] == []
    assert decrypt(Authenticator.objects.get(type=APP).data["secret"]) == secret


def test_app_and_recovery_codes_open_the_account_before_and_after_a_rotation(
    careful: Client, ring: Path
) -> None:
    secret, codes = set_up_app(careful)
    assert sign_in_with(code_of(secret, 7))
    assert sign_in_with(codes[0])
    sealed = rows()

    done = rotate(ring)

    assert done.sealed_anew == 2
    assert rows()["totp"] != sealed["totp"]
    assert rows()["recovery_codes"]["used_mask"] == 1
    assert [(one.current, one.rows) for one in list_keys(ring)] == [(False, 0), (True, 2)]
    rotate(ring)
    rotate(ring)  # now the key that sealed them at first is gone
    assert sign_in_with(code_of(secret, 8))
    assert sign_in_with(codes[1])
    assert not sign_in_with(codes[0]), "a recovery code that was used stays used"


def test_a_second_factor_copied_to_another_account_is_noticed(careful: Client) -> None:
    set_up_app(careful)
    other = Account.objects.create_user("other")
    copied = rows()["totp"]
    row = Authenticator.objects.create(user=other, type=APP, data={"secret": "x"})
    Authenticator.objects.filter(pk=row.pk).update(data=copied)

    with pytest.raises(SealedRowMoved):
        Authenticator.objects.get(pk=row.pk)

    renamed = str(copied["secret"]).split(":")
    renamed[2] = str(other.pk)
    Authenticator.objects.filter(pk=row.pk).update(data={"secret": ":".join(renamed)})
    with pytest.raises(SealedRowMoved):
        decrypt(Authenticator.objects.get(pk=row.pk).data["secret"])


@pytest.mark.parametrize("planted", ["JBSWY3DPEHPK3PXP", "sealed:secret:1", "sealed:secret:1:%%%"])
def test_what_we_never_sealed_opens_nothing(ring: Path, planted: str) -> None:
    with pytest.raises(SealedRowMoved):
        decrypt(planted)


def test_second_factors_of_an_earlier_version_are_sealed_and_go_on(careful: Client) -> None:
    """And opened again for who goes back to that version."""
    secret, codes = set_up_app(careful)
    MigrationExecutor(connection).migrate([("accounts", "0003_pages")])
    assert rows()["totp"]["secret"] == secret

    MigrationExecutor(connection).migrate([("accounts", "0005_no_secrets_in_sessions")])

    assert secret not in json.dumps(rows())
    assert sign_in_with(code_of(secret, 7))
    assert sign_in_with(codes[0])


def secret_being_set_up(client: Client) -> str:
    page = client.get("/second-factor/totp/activate/").text
    return str(re.findall(r'value="([A-Z2-7]{32})"', page)[0])


def stored_sessions() -> str:
    return str([one.get_decoded() for one in Session.objects.all()])


def test_the_secret_of_an_app_that_is_being_set_up_is_sealed_too(careful: Client) -> None:
    secret = secret_being_set_up(careful)

    assert "mfa.totp.secret" in stored_sessions()
    assert secret not in stored_sessions()
    # A wrong code doesn't lose it, nor does another page.
    careful.post("/second-factor/totp/activate/", {"code": "000000"})
    assert careful.get("/escrows").status_code == 200
    done = careful.post("/second-factor/totp/activate/", {"code": code_of(secret, 8)})
    assert done.status_code == 302
    assert "mfa.totp.secret" not in stored_sessions()


def test_a_secret_that_was_copied_into_another_session_opens_nothing(careful: Client) -> None:
    secret = secret_being_set_up(careful)
    (mine,) = Session.objects.all()
    Session.objects.create(
        session_key="a" * 32, session_data=mine.session_data, expire_date=mine.expire_date
    )
    careful.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32

    assert secret not in careful.get("/second-factor/totp/activate/").text


def test_an_app_that_is_set_up_while_the_keyring_is_away_is_told_so(
    careful: Client, ring: Path
) -> None:
    secret_being_set_up(careful)
    ring.unlink()

    page = careful.get("/second-factor/totp/activate/")

    assert page.status_code == 503
    assert "coordinator_keyring_unusable" in page.text


def test_sessions_of_an_earlier_version_with_a_secret_in_the_clear_end(careful: Client) -> None:
    clear = DatabaseStore()
    clear["mfa.totp.secret"] = "JBSWY3DPEHPK3PXP"
    clear.create()
    clear["mfa.totp.secret"] = "JBSWY3DPEHPK3PXP"
    clear.save()
    MigrationExecutor(connection).migrate([("accounts", "0004_second_factors_sealed")])

    MigrationExecutor(connection).migrate([("accounts", "0005_no_secrets_in_sessions")])

    assert "JBSWY3DPEHPK3PXP" not in stored_sessions()
    assert careful.get("/escrows").status_code == 200, "others stay signed in"


def test_sessions_that_are_over_are_deleted(careful: Client) -> None:
    sign_in(browser(None), "careful")
    over, here = Session.objects.order_by("expire_date")
    assert UserSession.objects.count() == 2
    UserSession.objects.update(created_at=now() - timedelta(hours=2))
    Session.objects.filter(pk=over.pk).update(expire_date=now() - timedelta(seconds=1))
    with write_transaction():
        wake(SESSIONS_KEY, at=now())

    assert Runner({SESSIONS_KEY: forget_ended}).step()

    assert [one.pk for one in Session.objects.all()] == [here.pk]
    assert [one.session_key for one in UserSession.objects.all()] == [here.pk]


def without_file(ring: Path) -> None:
    ring.unlink()


def in_a_new_process(ring: Path) -> None:
    """It makes a new file, as it would at the very beginning."""
    ring.unlink()
    _keyring_at.cache_clear()


@pytest.mark.parametrize(
    ("lose", "code"),
    [
        (without_file, "coordinator_keyring_unusable"),
        (in_a_new_process, "sealed_under_unknown_key"),
    ],
)
def test_a_sign_in_without_the_keyring_says_so_and_readyz_and_doctor_do(
    careful: Client, ring: Path, lose: Callable[[Path], None], code: str
) -> None:
    secret, _codes = set_up_app(careful)
    assert keyring_trouble(ring) == ""
    lose(ring)
    client = browser(None)
    sign_in(client, "careful")

    page = client.post("/second-factor/authenticate/", {"code": code_of(secret, 7)})

    assert page.status_code == 503
    assert code in page.text
    assert page["Retry-After"] == "60"
    assert client.get("/escrows").status_code == 302, "nobody got in by that"
    assert [one.name for one in checks() if not one.passed and one.name == "keyring"]
    assert keyring_trouble(ring)
    assert keyring_trouble(ring, thoroughly=True)


def test_where_nothing_is_sealed_no_keyring_is_missed_and_none_is_made(
    database: str, ring: Path
) -> None:
    assert keyring_trouble(ring) == ""
    assert keyring_trouble(ring, thoroughly=True) == ""
    assert not ring.exists()
