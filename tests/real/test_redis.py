"""Wake-ups through Redis: work is done, and goes on after Redis was away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.processes import SANDBOX_CREDENTIALS, Packr, Sandbox, Templates, sandbox, until
from tests.servers import Redis

pytestmark = pytest.mark.real

ENTITIES = 7


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as running:
        yield running


@pytest.fixture
def wms(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path, "--orders", "300", "--still") as running:
        yield running


def done(packr: Packr) -> int:
    """How many entities have had their first complete run, those that are read with another one aside."""
    (count,) = packr.rows(
        "SELECT count(*) FROM syncs_entityschedule WHERE as_of IS NOT NULL AND next_due_at IS NOT NULL"
    )
    return int(count[0])


def test_work_goes_on_when_redis_was_away(templates: Templates, tmp_path: Path, redis: Redis, wms: Sandbox) -> None:
    """A request made while Redis is down is kept in the table, and met when Redis is back."""
    with templates.packr("sqlite", tmp_path / "packr", redis.url) as packr:
        connection = packr.connect("trackstar", wms.url, SANDBOX_CREDENTIALS)
        packr.start("qcluster")
        until(lambda: done(packr) == ENTITIES, "every entity's first run succeeded", 60)
        assert packr.rows("SELECT count(*) FROM django_q_ormq") == [(0,)]
        redis.kill()
        packr.manage("sync", connection, "orders")
        redis.start()
        ended = "SELECT count(*) FROM syncs_syncrun WHERE \"trigger\" = 'manual' AND state = 'succeeded'"
        until(lambda: packr.rows(ended) == [(1,)], "what was asked for while Redis was away is done", 60)
