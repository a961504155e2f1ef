"""The pages of warehouse: a workspace's people, and what its WMS answers."""

from tests.kit.page_fixtures import *  # noqa: F403
from tests.kit.page_fixtures import _plain_settings  # noqa: F401
