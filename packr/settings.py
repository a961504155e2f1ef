"""Packr's settings, all from the environment.

`PACKR_DEBUG=1` is for development: it provides fixed secrets and detailed error pages. Without it, a missing secret is
an error at start.
"""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

VERSION = "0.5.0"
DEBUG = env.bool("PACKR_DEBUG", default=False)
DATA_DIR = Path(env.str("PACKR_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)


def secret(name: str, for_developers: str) -> str:
    """Return the secret `name` from the environment; in debug mode a missing one has a fixed default."""
    value = str(env.str(name, default=for_developers if DEBUG else ""))
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Packr does not start without it; see Settings in README.md.")
    return value


SECRET_KEY = secret("PACKR_SECRET_KEY", "only-for-developers-0123456789-abcdefghijklmnopqrst")
# Fernet keys, comma-separated: the first encrypts, all decrypt. Never derived from SECRET_KEY.
CREDENTIAL_KEYS = secret("PACKR_CREDENTIAL_KEYS", "cGFja3ItZGV2ZWxvcGVycy1hbmQtdGVzdHMtb25seSE=").split(",")

ALLOWED_HOSTS = env.list("PACKR_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
BASE_URL = env.str("PACKR_BASE_URL", default="http://localhost:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE = BASE_URL.startswith("https://")

# --- Syncs ---------------------------------------------------------------------------------------
SLICE_SECONDS = env.float("PACKR_SLICE_SECONDS", default=2)
LEASE_SECONDS = env.float("PACKR_LEASE_SECONDS", default=60)
LANES = env.int("PACKR_LANES", default=8)
PREFETCH = env.bool("PACKR_PREFETCH", default=True)
# How often a web request triggers the watchdog; None switches it off.
WEB_WATCHES_EVERY = timedelta(minutes=1)
# host:port pairs of WMSes that may have a private address and plain http.
PRIVATE_WMS_HOSTS = frozenset(env.list("PACKR_PRIVATE_WMS_HOSTS", default=[]))

# --- Apps ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "packr.apps.PackrAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "guardian",
    "django_htmx",
    "heroicons",
    "packr.workspaces",
    "integrations",
    "packr.warehouse",
    "syncs",  # before django_q, so that its qcluster command is the supervised one
    "packr.help",
    "packr.demo",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "packr.urls"
WSGI_APPLICATION = "packr.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "packr.workspaces.context_processors.current",
                "syncs.context_processors.sync_widget",
            ],
        },
    }
]

# --- Database, cache, broker ---------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'packr.sqlite3'}"
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE and WAL together: without either, concurrent writers fail with "database is locked".
    DATABASES["default"] |= {
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
else:
    # JIT costs more than it saves on a page's small merges. A process frozen inside a transaction would keep its lane's
    # row locked, so the server rolls it back after the time of a lease. Statements are prepared, since planning is half
    # the cost of a small one.
    IDLE_MILLISECONDS = int(max(LEASE_SECONDS, 5) * 1000)
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    DATABASES["default"]["OPTIONS"] = {
        "options": f"-c jit=off -c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}",
        "server_side_binding": True,
        "prepare_threshold": 5,
    } | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL = env.str("CACHE_URL", default="") or f"filecache://{DATA_DIR / 'cache'}"
CACHES = {"default": env.cache_url_config(CACHE_URL)}

Q_BROKER_URL = env.str("Q_BROKER_URL", default="")
WAKE_UP_TIMEOUT = 60  # seconds; a wake-up works for some 20 and ends
Q_CLUSTER = {
    "name": "packr",
    "workers": env.int("PACKR_WORKERS", default=2),
    "queue_limit": 1,
    "bulk": 1,
    "timeout": WAKE_UP_TIMEOUT,
    "retry": 240,  # more than three timeouts, since waiting inside the cluster counts
    "ack_failures": True,
    "max_attempts": 1,  # the SyncRun row controls retries
    "save_limit": -1,
    "catch_up": False,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "recycle": 500,
    "max_rss": 400_000,
    "cache": "default",
    "label": "Background work",
} | ({"broker_class": "syncs.process.redis_broker.Redis"} if Q_BROKER_URL else {"orm": "default"})

# --- People --------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "guardian.backends.ObjectPermissionBackend"]
ANONYMOUS_USER_NAME = None  # or guardian makes a user called AnonymousUser
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
# Monitoring requests these from inside, in plain http.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- REST API ------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "packr.workspaces.api_auth.TokenAuthentication",  # the first one names the scheme in 401 responses
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "packr.workspaces.api_auth.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["packr.workspaces.api_auth.ApiThrottle"],
    "DEFAULT_THROTTLE_RATES": {"api": env.str("PACKR_API_RATE", default="300/min")},
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["packr.workspaces.api_auth.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "packr.workspaces.api_auth.Json",
    "DEFAULT_PAGINATION_CLASS": "packr.workspaces.api_auth.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "packr.workspaces.api_errors.answer_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Packr API",
    "VERSION": "1",
    "DESCRIPTION": "How fresh the data of your WMS is, and syncs by program. Sign in with a token: "
    "`Authorization: Bearer packr_…`. Every error has the same form: `{error: {code, message, origin, fields}}`.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Entity": "syncs.models.ENTITIES",
        "Freshness": "syncs.status.freshness.Freshness",
        "RunState": "syncs.models.State",
        "Mode": "syncs.models.Mode",
        "ScheduledMode": "syncs.models.SCHEDULED_MODES",
        "ConnectionStatus": "integrations.models.Status",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
}

# --- Language and files -----------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "packr" / "static"]
# Static files are served from where they are written, without a collectstatic step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

EMAIL_CONFIG = env.email_url_config(env.str("EMAIL_URL", default="") or "consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds, since a person waits
# Receives people's requests. Empty: they appear only in the admin.
SUPPORT_EMAIL = env.str("PACKR_SUPPORT_EMAIL", default="")
DEFAULT_FROM_EMAIL = SUPPORT_EMAIL or "packr@localhost"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
