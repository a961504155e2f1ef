"""The benchmark of actions runs; what it measures is not asserted here."""

from typing import Any

from benchmarks import actions
from packr.demo.sandbox.server import Sandbox


def test_every_kind_is_measured(db: None, settings: Any) -> None:
    with Sandbox(port=0, orders=20, still=True, limit=False) as sandbox:
        settings.PRIVATE_WMS_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        samples = actions.measure(*actions.connected(sandbox.url), times=1)
    assert len({sample.kind for sample in samples}) == len(samples) == 6
    assert all(sample.total > sample.wms > 0 for sample in samples)
    assert "| all |" in actions.table([*samples, *samples])
