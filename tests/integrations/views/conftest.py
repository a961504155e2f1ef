"""Fixtures of the integrations pages."""

from tests.kit.page_fixtures import *  # noqa: F403
from tests.kit.page_fixtures import _plain_settings  # noqa: F401
