"""Settings for tests: Packr's own, with fixed secrets and without the watchdog that web requests trigger."""

import os

os.environ.setdefault("PACKR_SECRET_KEY", "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz")
os.environ.setdefault("PACKR_CREDENTIAL_KEYS", "cGFja3ItZGV2ZWxvcGVycy1hbmQtdGVzdHMtb25seSE=")

from packr.settings import *  # noqa: F403

# Tests of the watchdog switch it on.
WEB_WATCHES_EVERY = None
# Static files are served from where they are written, without a collected folder.
WHITENOISE_AUTOREFRESH = True
