"""What an operator can set, and nothing else: one table.

Every setting is an environment variable ``TRIPARTITE_<NAME>``, or ``<name>`` in the settings file,
which the environment overrules. The table in ``docs/guides/operator.md`` is checked against
``SETTINGS`` by a test, and ``deploy/tripartite.toml`` is drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tripartite.coordinator import settings_file

PREFIX: Final = "TRIPARTITE_"


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
        "Silence after which an agent counts as offline. Agents speak up once a minute. An arbiter who"
        " is offline is given no new escrows (`arbiter_offline`).",
    ),
    Setting(
        "KEYRING_FILE",
        "path",
        "<DATA_DIR>/keyring",
        "Keys that seal secrets in the database: logins of registered wallet RPCs, addresses of "
        "notification channels, secrets of second factors, also of one that is being set up. Made when first needed, mode 0600; the same on all nodes.",
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
