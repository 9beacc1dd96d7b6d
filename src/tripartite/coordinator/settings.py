"""Django's settings, all derived from ``configuration``. Reading them touches no file but the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final  # Any: Django's own DATABASES type is a tree of anything

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from tripartite.coordinator.configuration import read_configuration, read_secret_key
from tripartite.coordinator.setting_values import Database

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
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "tripartite.coordinator.pages",
    "tripartite.coordinator.accounts",
    "tripartite.coordinator.escrows",
    "tripartite.coordinator.limits",
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

# What serves sessions passes the API by (see the module): it knows only bearer tokens.
MIDDLEWARE = [
    "tripartite.coordinator.ops.metrics.requests.count_requests",
    "tripartite.coordinator.ops.http.answer_with_problems",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tripartite.coordinator.pages.middleware.Policy",
    "tripartite.coordinator.pages.middleware.Sessions",
    "tripartite.coordinator.pages.middleware.Language",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tripartite.coordinator.pages.middleware.Authentication",
    "tripartite.coordinator.pages.middleware.Messages",
    "allauth.account.middleware.AccountMiddleware",
    "tripartite.coordinator.pages.middleware.second_factor_first",
    "tripartite.coordinator.pages.middleware.Sealed",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tripartite.coordinator.pages.context.every_page",
            ],
        },
    }
]

AUTH_USER_MODEL = "accounts.Account"
# django-allauth: accounts have a name and a password, and no e-mail address.
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_USERNAME_VALIDATORS = "tripartite.coordinator.accounts.models.NAME_VALIDATORS"
ACCOUNT_ADAPTER = "tripartite.coordinator.accounts.allauth_adapter.AccountAdapter"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = False
# Counted in the database, so they hold for all processes together. A hidden service sees all its
# visitors under one address, so only what is counted per account is tight.
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    "login_failed": "100/m/ip,8/5m/key",
    "signup": "30/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    # Of one account, through the API.
    **{
        action: f"{most}/m/key"
        for action, most in (
            ("propose", COORDINATOR.proposals_per_minute),
            ("register_wallet_rpc", COORDINATOR.registrations_per_minute),
        )
        if most is not None
    },
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_attempts",
    }
}
MFA_ADAPTER = "tripartite.coordinator.accounts.second_factors.SecondFactorAdapter"
MFA_FORMS = {
    "add_webauthn": "tripartite.coordinator.accounts.passkeys.AddPasskeyForm",
    "authenticate_webauthn": "tripartite.coordinator.accounts.passkeys.SecondFactorForm",
    "reauthenticate_webauthn": "tripartite.coordinator.accounts.passkeys.ReauthenticateForm",
    "login_webauthn": "tripartite.coordinator.accounts.passkeys.SignInForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Tripartite"
MFA_TOTP_TOLERANCE = 1  # a clock that is half a minute wrong
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Browsers give passkeys to https and to localhost only; the latter is what "insecure" allows.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not COORDINATOR.public_origin.startswith("https:")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "escrows"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
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

# Sessions and cookies. Over plain HTTP only a loopback address or a hidden service is served.
_TLS: Final = COORDINATOR.public_origin.startswith("https:")
SESSION_ENGINE = "tripartite.coordinator.accounts.sessions"
SESSION_COOKIE_NAME = "__Host-session" if _TLS else "session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-csrf" if _TLS else "csrf"
CSRF_TRUSTED_ORIGINS = [COORDINATOR.public_origin]
CSRF_FAILURE_VIEW = "tripartite.coordinator.pages.errors.csrf_failed"
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _TLS
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer": browsers then say "Origin: null" with our own forms, which CSRF refuses.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _TLS
# TLS ends in front of us; deploy/nginx sets this header and takes it from no client.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _TLS else None
SILENCED_SYSTEM_CHECKS = [
    # SECURE_SSL_REDIRECT: what stands in front redirects; health checks come over plain HTTP.
    "security.W008",
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # data: is the QR code of a TOTP secret, which must have no address of its own.
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        # Not every browser takes a WebSocket to ourselves for 'self'.
        "connect-src": [SELF, COORDINATOR.public_origin.replace("http", "ws", 1)],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
STATIC_URL = "/static/"
# The look is shared with the agent's own page.
STATICFILES_DIRS = [Path(__file__).parent.parent / "look"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "tripartite.coordinator.pages.static_files.Fingerprinted"},
}

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
