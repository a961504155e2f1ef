"""Fixtures of the sync pages: people of a workspace, and runs with made-up counts."""

import pytest

from tests.kit.page_fixtures import *  # noqa: F403
from tests.kit.page_fixtures import _plain_settings  # noqa: F401


@pytest.fixture(autouse=True)
def _adds_up() -> None:
    """Disable the check: the counts of these runs are made up."""
