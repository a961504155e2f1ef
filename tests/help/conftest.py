from tests.kit.page_fixtures import *  # noqa: F403
