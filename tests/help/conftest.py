from tests.kit.page_fixtures import *  # noqa: F403  # the same people, in the same workspace
