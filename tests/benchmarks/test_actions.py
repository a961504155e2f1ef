"""The benchmark of actions runs. Its measurements are not asserted."""

from typing import Any

from benchmarks import actions
from packr.demo.sandbox.server import Sandbox


def test_every_kind_of_action_is_measured(db: None, settings: Any) -> None:
    with Sandbox(port=0, orders=20, still=True, limit=False) as sandbox:
        settings.PRIVATE_WMS_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        samples = actions.measure(*actions.connected(sandbox.url), times=1)
    assert len({sample.kind for sample in samples}) == len(samples) == 6
    assert all(sample.total > sample.wms > 0 for sample in samples)
    assert "| all |" in actions.table([*samples, *samples])
