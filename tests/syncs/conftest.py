"""Every run of every test has to add up."""

from collections.abc import Iterator
from typing import Any

import pytest

from syncs.models import SyncRun
from tests.kit.running import adds_up


@pytest.fixture(autouse=True)
def _adds_up(request: pytest.FixtureRequest) -> Iterator[None]:
    uses: Any = {"db", "transactional_db"} & set(request.fixturenames)
    if uses:
        request.getfixturevalue("transactional_db" if "transactional_db" in uses else "db")
    yield
    if uses:
        assert [run.pk for run in SyncRun.objects.all() if not adds_up(run)] == []
