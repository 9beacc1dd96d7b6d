"""How the text of a setting is read. Each function raises ``SettingInvalid``, with the setting's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import SplitResult, unquote, urlsplit

from tripartite.coordinator.settings_table import PREFIX
from tripartite.coordinator.wallets.custody import MAY_WARN, CustodyGuard
from tripartite.domain.deadlines import LONGEST, Durations, DurationsInvalid
from tripartite.domain.errors import Refused
from tripartite.domain.money import parse_xmr
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret

_LONGEST_NUMBER: Final = 18


class SettingInvalid(Refused):
    """A setting has a value that can't be used."""

    code: ClassVar[str] = "setting_invalid"


@dataclass(frozen=True, slots=True)
class Database:
    """Where the tables live. ``path`` is set for SQLite, the others for PostgreSQL."""

    engine: str
    path: Path | None = None
    name: str = ""
    user: str = ""
    password: Secret = Secret("")  # noqa: RUF009 — immutable
    host: str = ""
    port: int | None = None


def whole(text: str, *, name: str, least: int, most: int) -> int:
    """A whole number, from ``least`` to ``most``."""
    # int() refuses thousands of digits with an error of its own.
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not plain or not least <= int(text) <= most:
        raise SettingInvalid(f"{PREFIX}{name} must be a whole number from {least} to {most}.")
    return int(text)


def amount(text: Callable[[str], str], name: str) -> int | None:
    """Piconero; None for ``none``."""
    if text(name) == "none":
        return None
    try:
        return parse_xmr(text(name))
    except Refused as error:
        raise SettingInvalid(
            f"{PREFIX}{name} must be an amount in XMR, such as 5, or none. {error.detail}"
        ) from error


def number(text: Callable[[str], str], name: str) -> int | None:
    """From 1 up; None for ``none``."""
    if text(name) == "none":
        return None
    try:
        return whole(text(name), name=name, least=1, most=1_000_000)
    except SettingInvalid as error:
        raise SettingInvalid(f"{error.detail} Or none.") from error


def seconds(text: str, *, name: str) -> float:
    """Seconds, from 0.01 to 3600."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 3600:
        raise SettingInvalid(f"{PREFIX}{name} must be a number of seconds from 0.01 to 3600.")
    return seconds


def hours(text: str, *, name: str) -> timedelta:
    """A number of hours, up to a year."""
    try:
        length = timedelta(hours=float(text))
    except (ValueError, OverflowError):
        length = timedelta()
    if not timedelta() < length <= LONGEST:
        raise SettingInvalid(f"{PREFIX}{name} must be a number of hours, up to a year.")
    return length


def durations(text: Callable[[str], str]) -> Durations:
    """The durations of all deadlines."""
    name = "STUCK_HOURS"
    stages = [hours(one.strip(), name=name) for one in text(name).split(",")]
    if len(stages) != 4:
        raise SettingInvalid(f"{PREFIX}{name} must be four numbers of hours, such as 6,12,24,48.")
    noticed, escalated, critical, recovery = stages
    try:
        return Durations(
            payout=(noticed, escalated, critical, recovery),
            dispute=hours(text("DISPUTE_HOURS"), name="DISPUTE_HOURS"),
            acceptance=hours(text("ACCEPTANCE_HOURS"), name="ACCEPTANCE_HOURS"),
            key_exchange=hours(text("KEY_EXCHANGE_HOURS"), name="KEY_EXCHANGE_HOURS"),
            deposit=hours(text("DEPOSIT_HOURS"), name="DEPOSIT_HOURS"),
            decision=hours(text("DECISION_HOURS"), name="DECISION_HOURS"),
        )
    except DurationsInvalid as error:
        raise SettingInvalid(f"{PREFIX}{name}: {error.detail}") from error


def choice(text: str, choices: tuple[str, ...], *, name: str) -> str:
    """One of ``choices``."""
    if text not in choices:
        raise SettingInvalid(f"{PREFIX}{name} must be one of: {', '.join(choices)}.")
    return text


def guard(text: str, network: Network) -> CustodyGuard:
    """How the custody guard acts; it can be lowered on networks without real money only."""
    guard = CustodyGuard(choice(text, tuple(CustodyGuard), name="CUSTODY_GUARD"))
    if guard is CustodyGuard.WARN and network not in MAY_WARN:
        raise SettingInvalid(f"{PREFIX}CUSTODY_GUARD can be lowered on regtest and stagenet only.")
    return guard


def onion_proxy(text: str) -> str | None:
    """A SOCKS5 proxy; None if it is empty."""
    parts = address(text, name="ONION_PROXY")
    if text and (parts.scheme != "socks5h" or not parts.hostname or parts.path):
        raise SettingInvalid(f"{PREFIX}ONION_PROXY must look like socks5h://127.0.0.1:9050.")
    return text or None


def recipients(text: str) -> tuple[str, ...]:
    """Public age keys, separated by commas."""
    found = tuple(filter(None, map(str.strip, text.split(","))))
    if not all(one.startswith("age1") for one in found):
        raise SettingInvalid(
            f"{PREFIX}BACKUP_RECIPIENTS must hold public keys, age1…: see age-keygen(1)."
        )
    return found


def address(text: str, *, name: str) -> SplitResult:
    """An address taken apart; brackets that don't match or a port that is none are refused."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SettingInvalid(f"{PREFIX}{name} is no address: {error}.") from error
    return parts


def path(text: str | Path, *, name: str) -> Path:
    """A path; ``~`` and ``~user`` are the homes of those who have one."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingInvalid(f"{PREFIX}{name} names the home of a user there is not.") from error


def origin(text: str) -> str:
    """Scheme, host and port, without a path."""
    parts = address(text, name="PUBLIC_ORIGIN")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingInvalid(
            f"{PREFIX}PUBLIC_ORIGIN must look like https://escrow.example, without a path."
        )
    return f"{parts.scheme}://{parts.netloc}"


def login(text: str) -> tuple[str, Secret] | None:
    """``user:password``; None if it is empty."""
    if not text:
        return None
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise SettingInvalid(f"{PREFIX}MONEROD_LOGIN must look like user:password.")
    return user, Secret(password)


def database(url: str) -> Database:
    """Where the tables live."""
    parts = address(url, name="DATABASE_URL")
    match parts.scheme:
        case "sqlite" if parts.path.strip("/"):
            # sqlite:///relative and sqlite:////absolute are the usual spellings; we always
            # write the absolute form, so a single leading slash is the root.
            return Database("sqlite", path=Path("/" + parts.path.lstrip("/")))
        case "postgresql" | "postgres" if parts.path.strip("/"):
            return Database(
                "postgresql",
                name=parts.path.strip("/"),
                user=unquote(parts.username or ""),
                password=Secret(unquote(parts.password or "")),
                host=parts.hostname or _socket_directory(parts.query),
                port=parts.port,
            )
    raise SettingInvalid(
        f"{PREFIX}DATABASE_URL must be sqlite:///path or postgresql://user:password@host/name."
    )


def _socket_directory(query: str) -> str:
    """``postgresql://user@/name?host=/run/postgresql``: a Unix socket, libpq's own spelling."""
    return query.removeprefix("host=") if query.startswith("host=") else ""
