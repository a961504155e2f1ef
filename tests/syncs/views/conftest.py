"""The pages of syncs: a workspace's people, and runs that are written as a page needs them."""

import pytest

from tests.kit.page_fixtures import *  # noqa: F403
from tests.kit.page_fixtures import _plain_settings  # noqa: F401


@pytest.fixture(autouse=True)
def _adds_up() -> None:
    """Not here: the counts of these runs are made up."""
