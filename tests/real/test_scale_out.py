"""Several clusters on one PostgreSQL and one Redis: if one is killed, the others continue its runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.fleet import fleet

pytestmark = pytest.mark.real

# Each works on eight accounts at a time, for a second each, so that it holds some when it is killed.
CLUSTERS = ("--clusters", "2", "--workers", "1", "--lanes", "8", "--latency-ms", "1000")
DUE = 120


def test_other_cluster_continues_runs_of_killed_one(tmp_path: Path, tell: Callable[[str], None]) -> None:
    work = ("--connections", "40", "--due-at-once", str(DUE), "--kill-one")
    (phase,) = fleet(tmp_path, *CLUSTERS, *work, "--warm-up", "5", "--no-steady", "--minutes", "2", lease=5)
    tell(f"{phase['in the hands of the killed']} runs in hand when killed; all ended in {phase['ended within']} s")
    assert phase["in the hands of the killed"] > 0
    assert phase["left of them"] == 0
    assert phase["doubled"] == 0
    assert phase["not well"] == 0
    assert phase["done"] >= DUE
