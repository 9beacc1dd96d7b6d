"""The coordinator's settings, read once per process from the environment and the settings file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tripartite.coordinator import setting_values, settings_file
from tripartite.coordinator.made_once import make_once
from tripartite.coordinator.setting_values import Database, SettingInvalid
from tripartite.coordinator.settings_table import PREFIX, SETTINGS
from tripartite.coordinator.wallets.custody import CustodyGuard
from tripartite.domain.deadlines import Durations
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret


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

    data_dir = setting_values.path(text("DATA_DIR"), name="DATA_DIR").absolute()
    port = setting_values.whole(text("PORT"), name="PORT", least=1, most=65_535)
    host = text("HOST")
    origin = setting_values.origin(text("PUBLIC_ORIGIN") or f"http://{host}:{port}")
    database = setting_values.database(
        text("DATABASE_URL") or f"sqlite:///{data_dir / 'coordinator.sqlite3'}"
    )
    network = setting_values.choice(text("NETWORK"), tuple(Network), name="NETWORK")
    confirmations = setting_values.whole(
        text("CONFIRMATIONS"), name="CONFIRMATIONS", least=1, most=10_000
    )
    # DESIGN.md "Payout finality": 10 confirmations. Only a chain that we mine ourselves may do
    # with fewer.
    if confirmations < 10 and network != Network.REGTEST:
        raise SettingInvalid("TRIPARTITE_CONFIRMATIONS below 10 is for regtest only.")
    hosts = tuple(filter(None, (name.strip() for name in text("ALLOWED_HOSTS").split(","))))
    migrate = setting_values.choice(text("MIGRATE"), ("auto", "yes", "no"), name="MIGRATE")
    return Configuration(
        data_dir=data_dir,
        secret_key_file=setting_values.path(
            text("SECRET_KEY_FILE") or data_dir / "secret_key", name="SECRET_KEY_FILE"
        ),
        database=database,
        network=Network(network),
        public_origin=origin,
        host=host,
        port=port,
        allowed_hosts=hosts or (urlsplit(origin).hostname or "", "127.0.0.1", "localhost"),
        monerod_url=text("MONEROD_URL") or None,
        monerod_login=setting_values.login(text("MONEROD_LOGIN")),
        monerod_proxy=text("MONEROD_PROXY") or None,
        confirmations=confirmations,
        watch_seconds=setting_values.seconds(text("WATCH_SECONDS"), name="WATCH_SECONDS"),
        durations=setting_values.durations(text),
        investigated=setting_values.hours(text("INVESTIGATED_HOURS"), name="INVESTIGATED_HOURS"),
        agent_patience=timedelta(
            seconds=setting_values.seconds(
                text("AGENT_OFFLINE_SECONDS"), name="AGENT_OFFLINE_SECONDS"
            )
        ),
        keyring_file=setting_values.path(
            text("KEYRING_FILE") or data_dir / "keyring", name="KEYRING_FILE"
        ),
        limits=Limits(
            escrow_amount=setting_values.amount(text, "MAX_ESCROW_AMOUNT"),
            total_volume=setting_values.amount(text, "MAX_TOTAL_VOLUME"),
            concurrent_escrows=setting_values.number(text, "MAX_CONCURRENT_ESCROWS"),
        ),
        proposals_per_minute=setting_values.number(text, "PROPOSALS_PER_MINUTE"),
        registrations_per_minute=setting_values.number(text, "REGISTRATIONS_PER_MINUTE"),
        custody_guard=setting_values.guard(text("CUSTODY_GUARD"), Network(network)),
        onion_proxy=setting_values.onion_proxy(text("ONION_PROXY")),
        attach_dir=setting_values.path(
            text("ATTACH_DIR") or data_dir / "attach", name="ATTACH_DIR"
        ),
        notify_private=tuple(filter(None, map(str.strip, text("NOTIFY_PRIVATE").split(",")))),
        backup_recipients=setting_values.recipients(text("BACKUP_RECIPIENTS")),
        backup_dir=setting_values.path(
            text("BACKUP_DIR") or data_dir / "backups", name="BACKUP_DIR"
        ).absolute(),
        threads=setting_values.whole(text("THREADS"), name="THREADS", least=1, most=256),
        migrate_at_start=migrate == "yes" or (migrate == "auto" and database.engine == "sqlite"),
        metrics_host=text("METRICS_HOST"),
        metrics_port=setting_values.whole(
            text("METRICS_PORT"), name="METRICS_PORT", least=0, most=65_535
        ),
        log_dir=setting_values.path(text("LOG_DIR"), name="LOG_DIR").absolute()
        if text("LOG_DIR")
        else None,
        log_level=setting_values.choice(
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
    if not configuration.secret_key_file.exists():
        make_once(configuration.secret_key_file, secrets.token_urlsafe(64))


def _of_another(variable: str) -> bool:
    """Whether the variable belongs to another of our programs that may share the environment."""
    return variable.startswith((PREFIX + "AGENT_", PREFIX + "DEVNET_", PREFIX + "TEST_"))
