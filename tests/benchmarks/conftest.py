"""The benchmarks' WMS, and connections to it that only the tests run."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils.timezone import now

from benchmarks.wms_process import WmsProcess
from integrations.connectors.trackstar import Trackstar
from integrations.models import Connection
from integrations.services import Account, connect
from packr.workspaces.models import Workspace
from syncs.engine import client_pool
from syncs.models import EntitySchedule

ON_POSTGRES = django_settings.DATABASES["default"]["ENGINE"].endswith("postgresql")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Callable[..., WmsProcess]]:
    """Return a function that starts a WMS of given sizes. Slices never end by time here, so that counts are exact."""
    settings.SLICE_SECONDS = 3600
    monkeypatch.setattr(Trackstar, "reads_per_second", None)
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
    started: list[WmsProcess] = []

    def start(**sizes: int) -> WmsProcess:
        started.append(WmsProcess(**sizes))
        settings.PRIVATE_WMS_HOSTS = frozenset(wms.host for wms in started)
        return started[-1]

    yield start
    for client in client_pool._idle_clients.values():
        client.close()
    for wms in started:
        wms.__exit__()


@pytest.fixture
def connected(home: Workspace) -> Callable[..., Connection]:
    """Return a function that connects an account of a WMS, with all schedules off."""

    def make(wms: WmsProcess, account: int = 1) -> Connection:
        name = f"{wms.host} {account}"
        made = connect(
            home, Account("trackstar", name, WmsProcess.credentials(account), base_url=wms.url), first_sync=False
        )
        far = now() + timedelta(days=1)  # planning the next run in advance takes one more statement
        EntitySchedule.objects.filter(connection=made).update(enabled=False, next_due_at=far)
        return made

    return make
