"""Django's settings, all derived from ``configuration``. Reading them touches no file but the key."""

from __future__ import annotations

from typing import Any  # Django's own DATABASES type is a tree of anything

from tripartite.coordinator.configuration import Database, read_configuration, read_secret_key

COORDINATOR = read_configuration()

SECRET_KEY = read_secret_key(COORDINATOR)
DEBUG = False
ALLOWED_HOSTS = list(COORDINATOR.allowed_hosts)
ROOT_URLCONF = "tripartite.coordinator.urls"
WSGI_APPLICATION = "tripartite.coordinator.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tripartite.coordinator.accounts",
    "tripartite.coordinator.escrows",
    "tripartite.coordinator.events",
    "tripartite.coordinator.relay",
    "tripartite.coordinator.work",
    "tripartite.coordinator.watch",
    "tripartite.coordinator.presence",
    "tripartite.coordinator.arbiters",
    "tripartite.coordinator.recovery",
    "tripartite.coordinator.notify",
    "tripartite.coordinator.ops",
    "tripartite.coordinator.ops.metrics.apps.MetricsConfig",
    "tripartite.coordinator.wallets",
]

MIDDLEWARE = [
    "tripartite.coordinator.ops.metrics.requests.count_requests",
    "tripartite.coordinator.ops.http.answer_with_problems",
    "django.middleware.security.SecurityMiddleware",
]

AUTH_USER_MODEL = "accounts.Account"
# django-allauth, which comes with the pages, reads these two: accounts have no e-mail address.
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name",)},
    },
]

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# structlog writes our lines; the standard logger only carries those of libraries, to stderr.
LOGGING_CONFIG = None


def databases(database: Database) -> dict[str, dict[str, Any]]:
    """Django's DATABASES for one of ours."""
    if database.engine == "sqlite":
        return {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(database.path),
                "CONN_MAX_AGE": None,
                "OPTIONS": {
                    # IMMEDIATE: a transaction that will write takes the write lock when it
                    # begins, so it can't fail half-way with SQLITE_BUSY. FULL: a committed
                    # message survives a power cut. recursive_triggers: REPLACE can't slip past
                    # the delete trigger that keeps the event log append-only.
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": (
                        "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                        "PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON"
                    ),
                },
            }
        }
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database.name,
            "USER": database.user,
            "PASSWORD": database.password.reveal(),
            "HOST": database.host,
            "PORT": str(database.port or ""),
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
        }
    }


DATABASES = databases(COORDINATOR.database)
