from tests.pages.conftest import *  # noqa: F403  # the same people, in the same workspace
