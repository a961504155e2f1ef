"""Fixtures for the warehouse views: clients of a workspace's people, and its WMS's responses."""

from tests.kit.page_fixtures import *  # noqa: F403
from tests.kit.page_fixtures import _plain_settings  # noqa: F401
