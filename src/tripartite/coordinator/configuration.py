"""What an operator can set, and nothing else: one table, read once per process.

Every setting is an environment variable ``TRIPARTITE_<NAME>``, or ``<name>`` in the settings file,
which the environment overrules. The table in ``docs/guides/operator.md`` is checked against
``SETTINGS`` by a test, and ``deploy/tripartite.toml`` is drawn from it.

Past 400 lines because the table and its one reader belong in one place to be compared.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import SplitResult, unquote, urlsplit

from tripartite.coordinator import settings_file
from tripartite.coordinator.wallets.custody import MAY_WARN, CustodyGuard
from tripartite.domain.deadlines import LONGEST, Durations, DurationsInvalid
from tripartite.domain.errors import Refused
from tripartite.domain.limits import Limits
from tripartite.domain.money import parse_xmr
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret

PREFIX: Final = "TRIPARTITE_"
_LONGEST_NUMBER: Final = 18


class SettingInvalid(Refused):
    """A setting has a value that can't be used."""

    code: ClassVar[str] = "setting_invalid"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the operator's table. ``default`` is text, as the environment would give it.

    ``example`` is shown in ``deploy/tripartite.toml`` where the default is nothing to start from.
    """

    name: str
    type: str
    default: str
    help: str
    example: str = ""

    @property
    def variable(self) -> str:
        return PREFIX + self.name


SETTINGS: Final = (
    Setting(
        "SETTINGS_FILE",
        "path",
        str(settings_file.DEFAULT),
        "TOML file with these settings by their lower-case names (`deploy/tripartite.toml`); a "
        "variable overrules it. Empty: no file. Only the default one may be missing.",
    ),
    Setting(
        "DATA_DIR",
        "path",
        "~/.local/share/tripartite/coordinator",
        "Directory for the SQLite database and the secret key. Made with mode 0700.",
        example="/var/lib/tripartite",
    ),
    Setting(
        "SECRET_KEY_FILE",
        "path",
        "<DATA_DIR>/secret_key",
        "Key that signs what the server hands out. Made on the first start with mode 0600; "
        "back it up beside the database and never inside it.",
    ),
    Setting(
        "DATABASE_URL",
        "url",
        "sqlite:///<DATA_DIR>/coordinator.sqlite3",
        "`sqlite:///path`, or `postgresql://user:password@host:port/name` for more than one node.",
        example="postgresql://tripartite:change-me@db.example/tripartite",
    ),
    Setting(
        "NETWORK",
        "mainnet | stagenet | testnet | regtest",
        "stagenet",
        "The only Monero network whose escrows are accepted. Real money has to be asked for.",
    ),
    Setting(
        "PUBLIC_ORIGIN",
        "url",
        "http://<HOST>:<PORT>",
        "Scheme, host and port under which agents reach this server. A pairing card names it.",
        example="https://escrow.example",
    ),
    Setting("HOST", "address", "127.0.0.1", "Address to listen on."),
    Setting("PORT", "port", "8700", "Port to listen on."),
    Setting(
        "ALLOWED_HOSTS",
        "names, comma-separated",
        "<host of PUBLIC_ORIGIN>,127.0.0.1,localhost",
        "Values of the Host header that are answered.",
        example="escrow.example",
    ),
    Setting(
        "MONEROD_URL",
        "url",
        "",
        "RPC address of your own monerod. Without it payouts are carried but never confirmed.",
        example="http://127.0.0.1:18081",
    ),
    Setting(
        "MONEROD_LOGIN",
        "user:password",
        "",
        "Digest login of that monerod.",
        example="coordinator:change-me",
    ),
    Setting(
        "MONEROD_PROXY",
        "url",
        "",
        "SOCKS5 proxy to reach it, `socks5h://host:port`.",
        example="socks5h://127.0.0.1:9050",
    ),
    Setting(
        "CONFIRMATIONS",
        "blocks",
        "10",
        "Confirmations after which a payout counts as final. Less than 10 only on regtest.",
    ),
    Setting("WATCH_SECONDS", "seconds", "5", "Pause between two looks at an unconfirmed payout."),
    Setting(
        "STUCK_HOURS",
        "four numbers of hours, comma-separated",
        "6,12,24,48",
        "When a payout that doesn't move raises its four alarms; the last opens a recovery case.",
    ),
    Setting("DISPUTE_HOURS", "hours", "168", "When a dispute without a ruling goes to the admins."),
    Setting(
        "ACCEPTANCE_HOURS", "hours", "72", "When a proposal that not all have signed is recalled."
    ),
    Setting("KEY_EXCHANGE_HOURS", "hours", "1", "When an unfinished key exchange raises an alarm."),
    Setting("DEPOSIT_HOURS", "hours", "48", "When a missing deposit raises an alarm."),
    Setting("DECISION_HOURS", "hours", "336", "When money that nobody releases raises an alarm."),
    Setting(
        "INVESTIGATED_HOURS",
        "hours",
        "24",
        "How long an alarm is quiet once an admin has marked its case as investigated.",
    ),
    Setting(
        "AGENT_OFFLINE_SECONDS",
        "seconds",
        "180",
        "Silence after which an agent counts as offline. Agents speak up once a minute.",
    ),
    Setting(
        "KEYRING_FILE",
        "path",
        "<DATA_DIR>/keyring",
        "Keys that seal secrets in the database: logins of registered wallet RPCs, addresses of "
        "notification channels. Made when first needed, mode 0600; the same on all nodes.",
    ),
    Setting(
        "MAX_ESCROW_AMOUNT",
        "XMR | none",
        "5",
        "The largest escrow that can be proposed. `none`: no limit, here and below.",
    ),
    Setting(
        "MAX_TOTAL_VOLUME",
        "XMR | none",
        "50",
        "The most that all escrows together may hold, open and paid out ones; cancelled ones don't "
        "count.",
    ),
    Setting(
        "MAX_CONCURRENT_ESCROWS",
        "number | none",
        "20",
        "How many escrows may be open at once, proposals that wait for signatures included.",
    ),
    Setting(
        "PROPOSALS_PER_MINUTE",
        "number | none",
        "30",
        "How many escrows one account may propose in a minute.",
    ),
    Setting(
        "REGISTRATIONS_PER_MINUTE",
        "number | none",
        "30",
        "How often one account may ask in a minute for a wallet RPC to be registered.",
    ),
    Setting(
        "CUSTODY_GUARD",
        "refuse | warn",
        "refuse",
        "A wallet RPC that would put two of an escrow's three signers in this operator's reach. "
        "`warn` only on regtest and stagenet.",
    ),
    Setting(
        "ONION_PROXY",
        "url",
        "",
        "SOCKS5 proxy (Tor) to wallet RPCs behind onion names, `socks5h://host:port`. Without it "
        "only loopback addresses can be registered.",
        example="socks5h://127.0.0.1:9050",
    ),
    Setting(
        "ATTACH_DIR",
        "path",
        "<DATA_DIR>/attach",
        "What attach processes keep: identities and journals of attached parties. Shared by all "
        "that may take over from each other.",
    ),
    Setting(
        "NOTIFY_PRIVATE",
        "host:port, comma-separated",
        "",
        "Notification servers that may be in a private network. All others must be public.",
        example="10.0.0.5:443",
    ),
    Setting(
        "BACKUP_RECIPIENTS",
        "age1…, comma-separated",
        "",
        "Whom `tripartite backup` and `tripartite upgrade` encrypt to. Keep the keys that open "
        "them elsewhere.",
    ),
    Setting(
        "BACKUP_DIR",
        "path",
        "<DATA_DIR>/backups",
        "Where backups are written, and unencrypted copies of the database while they are checked.",
    ),
    Setting("THREADS", "threads", "4", "Requests answered at the same time by one process."),
    Setting(
        "MIGRATE",
        "auto | yes | no",
        "auto",
        "Bring the database's tables up to date at start. `auto`: SQLite yes, PostgreSQL no "
        "(run `tripartite serve --migrate-only` once per release instead).",
    ),
    Setting("METRICS_HOST", "address", "127.0.0.1", "Address to answer Prometheus on."),
    Setting(
        "METRICS_PORT",
        "port",
        "8701",
        "Port to answer Prometheus on (`/metrics`, `/healthz`, `/readyz`). 0: don't.",
    ),
    Setting(
        "LOG_DIR",
        "path",
        "",
        "Directory for log files, one a day, kept for 7 days. Without it logs go to stderr.",
        example="/var/log/tripartite",
    ),
    Setting(
        "LOG_LEVEL", "debug | info | warning | error", "info", "Least serious log line to print."
    ),
)


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


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, parsed."""

    data_dir: Path
    secret_key_file: Path
    database: Database
    network: Network
    public_origin: str
    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    monerod_url: str | None
    monerod_login: tuple[str, Secret] | None
    monerod_proxy: str | None
    confirmations: int
    watch_seconds: float
    durations: Durations
    investigated: timedelta
    agent_patience: timedelta
    keyring_file: Path
    limits: Limits
    proposals_per_minute: int | None
    registrations_per_minute: int | None
    custody_guard: CustodyGuard
    onion_proxy: str | None
    attach_dir: Path
    notify_private: tuple[str, ...]
    backup_recipients: tuple[str, ...]
    backup_dir: Path
    threads: int
    migrate_at_start: bool
    metrics_host: str
    metrics_port: int
    log_dir: Path | None
    log_level: str


def read_configuration(environment: Mapping[str, str] | None = None) -> Configuration:
    """Parse ``environment`` (the process's own by default) and the settings file.

    Raises ``SettingInvalid`` for the first value that can't be used, and for a variable with
    our prefix that we don't know: a misspelt limit must not silently stay at its default. Raises
    ``SettingsFileInvalid`` in the same way.
    """
    given = os.environ if environment is None else environment
    known = {setting.variable for setting in SETTINGS}
    for variable in given:
        if variable.startswith(PREFIX) and variable not in known and not _of_another(variable):
            raise SettingInvalid(f"{variable} is not a setting. See docs/guides/operator.md.")
    given = {**_from_file(settings_path(environment)), **given}

    def text(name: str) -> str:
        setting = next(row for row in SETTINGS if row.name == name)
        value = given.get(setting.variable, "").strip()
        return value or ("" if "<" in setting.default else setting.default)

    data_dir = _path(text("DATA_DIR"), name="DATA_DIR").absolute()
    port = _whole(text("PORT"), name="PORT", least=1, most=65_535)
    host = text("HOST")
    origin = _origin(text("PUBLIC_ORIGIN") or f"http://{host}:{port}")
    database = _database(text("DATABASE_URL") or f"sqlite:///{data_dir / 'coordinator.sqlite3'}")
    network = _choice(text("NETWORK"), tuple(Network), name="NETWORK")
    confirmations = _whole(text("CONFIRMATIONS"), name="CONFIRMATIONS", least=1, most=10_000)
    # DESIGN.md "Payout finality": 10 confirmations. Only a chain that we mine ourselves may do
    # with fewer.
    if confirmations < 10 and network != Network.REGTEST:
        raise SettingInvalid("TRIPARTITE_CONFIRMATIONS below 10 is for regtest only.")
    hosts = tuple(filter(None, (name.strip() for name in text("ALLOWED_HOSTS").split(","))))
    migrate = _choice(text("MIGRATE"), ("auto", "yes", "no"), name="MIGRATE")
    return Configuration(
        data_dir=data_dir,
        secret_key_file=_path(
            text("SECRET_KEY_FILE") or data_dir / "secret_key", name="SECRET_KEY_FILE"
        ),
        database=database,
        network=Network(network),
        public_origin=origin,
        host=host,
        port=port,
        allowed_hosts=hosts or (urlsplit(origin).hostname or "", "127.0.0.1", "localhost"),
        monerod_url=text("MONEROD_URL") or None,
        monerod_login=_login(text("MONEROD_LOGIN")),
        monerod_proxy=text("MONEROD_PROXY") or None,
        confirmations=confirmations,
        watch_seconds=_seconds(text("WATCH_SECONDS"), name="WATCH_SECONDS"),
        durations=_durations(text),
        investigated=_hours(text("INVESTIGATED_HOURS"), name="INVESTIGATED_HOURS"),
        agent_patience=timedelta(
            seconds=_seconds(text("AGENT_OFFLINE_SECONDS"), name="AGENT_OFFLINE_SECONDS")
        ),
        keyring_file=_path(text("KEYRING_FILE") or data_dir / "keyring", name="KEYRING_FILE"),
        limits=Limits(
            escrow_amount=_amount(text, "MAX_ESCROW_AMOUNT"),
            total_volume=_amount(text, "MAX_TOTAL_VOLUME"),
            concurrent_escrows=_number(text, "MAX_CONCURRENT_ESCROWS"),
        ),
        proposals_per_minute=_number(text, "PROPOSALS_PER_MINUTE"),
        registrations_per_minute=_number(text, "REGISTRATIONS_PER_MINUTE"),
        custody_guard=_guard(text("CUSTODY_GUARD"), Network(network)),
        onion_proxy=_onion_proxy(text("ONION_PROXY")),
        attach_dir=_path(text("ATTACH_DIR") or data_dir / "attach", name="ATTACH_DIR"),
        notify_private=tuple(filter(None, map(str.strip, text("NOTIFY_PRIVATE").split(",")))),
        backup_recipients=_recipients(text("BACKUP_RECIPIENTS")),
        backup_dir=_path(text("BACKUP_DIR") or data_dir / "backups", name="BACKUP_DIR").absolute(),
        threads=_whole(text("THREADS"), name="THREADS", least=1, most=256),
        migrate_at_start=migrate == "yes" or (migrate == "auto" and database.engine == "sqlite"),
        metrics_host=text("METRICS_HOST"),
        metrics_port=_whole(text("METRICS_PORT"), name="METRICS_PORT", least=0, most=65_535),
        log_dir=_path(text("LOG_DIR"), name="LOG_DIR").absolute() if text("LOG_DIR") else None,
        log_level=_choice(
            text("LOG_LEVEL"), ("debug", "info", "warning", "error"), name="LOG_LEVEL"
        ),
    )


def settings_path(environment: Mapping[str, str] | None = None) -> Path | None:
    """The settings file that is read; None if there is none.

    The default file counts only for the process's own environment.
    """
    given = os.environ if environment is None else environment
    named = given.get(PREFIX + "SETTINGS_FILE")
    if named is not None:
        return Path(named).expanduser() if named.strip() else None
    return (
        settings_file.DEFAULT if environment is None and _is_there(settings_file.DEFAULT) else None
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # in a directory closed to us; reading it says so


def _from_file(path: Path | None) -> Mapping[str, str]:
    if path is None:
        return {}
    known = {setting.name for setting in SETTINGS if setting.name != "SETTINGS_FILE"}
    found = settings_file.read_settings_file(path, known)
    return {PREFIX + name: value for name, value in found.items()}


def read_secret_key(configuration: Configuration) -> str:
    """The key's text, or "" when the file isn't there yet (Django then refuses to start)."""
    try:
        return configuration.secret_key_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def prepare_data_dir(configuration: Configuration) -> None:
    """Make the data directory (0700) and the secret key (0600) if they aren't there."""
    configuration.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = configuration.secret_key_file
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    # Written beside and linked: two processes that start at once agree on one key, and a crash
    # can't leave half a key behind.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(64))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()


def _of_another(variable: str) -> bool:
    """Whether the variable belongs to another of our programs that may share the environment."""
    return variable.startswith((PREFIX + "AGENT_", PREFIX + "DEVNET_", PREFIX + "TEST_"))


def _whole(text: str, *, name: str, least: int, most: int) -> int:
    # int() refuses thousands of digits with an error of its own.
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not plain or not least <= int(text) <= most:
        raise SettingInvalid(f"{PREFIX}{name} must be a whole number from {least} to {most}.")
    return int(text)


def _amount(text: Callable[[str], str], name: str) -> int | None:
    """Piconero; None for ``none``."""
    if text(name) == "none":
        return None
    try:
        return parse_xmr(text(name))
    except Refused as error:
        raise SettingInvalid(
            f"{PREFIX}{name} must be an amount in XMR, such as 5, or none. {error.detail}"
        ) from error


def _number(text: Callable[[str], str], name: str) -> int | None:
    """From 1 up; None for ``none``."""
    if text(name) == "none":
        return None
    try:
        return _whole(text(name), name=name, least=1, most=1_000_000)
    except SettingInvalid as error:
        raise SettingInvalid(f"{error.detail} Or none.") from error


def _seconds(text: str, *, name: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 3600:
        raise SettingInvalid(f"{PREFIX}{name} must be a number of seconds from 0.01 to 3600.")
    return seconds


def _hours(text: str, *, name: str) -> timedelta:
    try:
        length = timedelta(hours=float(text))
    except (ValueError, OverflowError):
        length = timedelta()
    if not timedelta() < length <= LONGEST:
        raise SettingInvalid(f"{PREFIX}{name} must be a number of hours, up to a year.")
    return length


def _durations(text: Callable[[str], str]) -> Durations:
    """The durations of all deadlines."""
    name = "STUCK_HOURS"
    stages = [_hours(one.strip(), name=name) for one in text(name).split(",")]
    if len(stages) != 4:
        raise SettingInvalid(f"{PREFIX}{name} must be four numbers of hours, such as 6,12,24,48.")
    noticed, escalated, critical, recovery = stages
    try:
        return Durations(
            payout=(noticed, escalated, critical, recovery),
            dispute=_hours(text("DISPUTE_HOURS"), name="DISPUTE_HOURS"),
            acceptance=_hours(text("ACCEPTANCE_HOURS"), name="ACCEPTANCE_HOURS"),
            key_exchange=_hours(text("KEY_EXCHANGE_HOURS"), name="KEY_EXCHANGE_HOURS"),
            deposit=_hours(text("DEPOSIT_HOURS"), name="DEPOSIT_HOURS"),
            decision=_hours(text("DECISION_HOURS"), name="DECISION_HOURS"),
        )
    except DurationsInvalid as error:
        raise SettingInvalid(f"{PREFIX}{name}: {error.detail}") from error


def _choice(text: str, choices: tuple[str, ...], *, name: str) -> str:
    if text not in choices:
        raise SettingInvalid(f"{PREFIX}{name} must be one of: {', '.join(choices)}.")
    return text


def _guard(text: str, network: Network) -> CustodyGuard:
    guard = CustodyGuard(_choice(text, tuple(CustodyGuard), name="CUSTODY_GUARD"))
    if guard is CustodyGuard.WARN and network not in MAY_WARN:
        raise SettingInvalid(f"{PREFIX}CUSTODY_GUARD can be lowered on regtest and stagenet only.")
    return guard


def _onion_proxy(text: str) -> str | None:
    parts = _split(text, name="ONION_PROXY")
    if text and (parts.scheme != "socks5h" or not parts.hostname or parts.path):
        raise SettingInvalid(f"{PREFIX}ONION_PROXY must look like socks5h://127.0.0.1:9050.")
    return text or None


def _recipients(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, map(str.strip, text.split(","))))
    if not all(one.startswith("age1") for one in found):
        raise SettingInvalid(
            f"{PREFIX}BACKUP_RECIPIENTS must hold public keys, age1…: see age-keygen(1)."
        )
    return found


def _split(text: str, *, name: str) -> SplitResult:
    """An address taken apart; brackets that don't match or a port that is none are refused."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SettingInvalid(f"{PREFIX}{name} is no address: {error}.") from error
    return parts


def _path(text: str | Path, *, name: str) -> Path:
    """A path; ``~`` and ``~user`` are the homes of those who have one."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingInvalid(f"{PREFIX}{name} names the home of a user there is not.") from error


def _origin(text: str) -> str:
    parts = _split(text, name="PUBLIC_ORIGIN")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingInvalid(
            f"{PREFIX}PUBLIC_ORIGIN must look like https://escrow.example, without a path."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _login(text: str) -> tuple[str, Secret] | None:
    if not text:
        return None
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise SettingInvalid(f"{PREFIX}MONEROD_LOGIN must look like user:password.")
    return user, Secret(password)


def _database(url: str) -> Database:
    parts = _split(url, name="DATABASE_URL")
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
