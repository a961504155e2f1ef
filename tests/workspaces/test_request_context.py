"""The context of a request loads shared objects once."""

from packr.workspaces.models import Workspace
from packr.workspaces.request_context import RequestContext


class Loaded:
    """Counts how often it is loaded."""

    count = 0

    def __init__(self, context: RequestContext) -> None:
        self.context = context
        Loaded.count += 1


def load_nothing(context: RequestContext) -> None:
    Loaded.count += 1


def context() -> RequestContext:
    return RequestContext(Workspace(slug="northbay"), None, [], [], may_sync=False)


def test_shared_object_is_loaded_once_per_context() -> None:
    Loaded.count = 0
    first, second = context(), context()
    loaded = first.shared(Loaded)
    assert first.shared(Loaded) is loaded
    assert loaded.context is first
    assert second.shared(Loaded) is not loaded
    assert Loaded.count == 2


def test_shared_none_is_loaded_once() -> None:
    Loaded.count = 0
    here = context()
    assert here.shared(load_nothing) is here.shared(load_nothing) is None
    assert Loaded.count == 1
