"""Django with Packr's production settings in a measured process: its own database, one connection."""

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

FAR = 86_400  # seconds until the next planned run, so that none interferes


def environment(*, database: str, folder: str, wms: str = "") -> dict[str, str]:
    """Return Packr's production settings for one contestant, with its own database."""
    parts = urlsplit(database)
    if "host=" in parts.query:  # a socket's folder; Django prefers the host over the query
        database = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password or ''}@"))
    return {
        "DJANGO_SETTINGS_MODULE": "packr.settings",
        "DATABASE_URL": database,
        "PACKR_DATA_DIR": folder,
        "PACKR_SECRET_KEY": "only-for-benchmarks-0123456789-abcdefghij-0123456789",
        "PACKR_CREDENTIAL_KEYS": "cGFja3ItZGV2ZWxvcGVycy1hbmQtdGVzdHMtb25seSE=",
        "PACKR_PRIVATE_WMS_HOSTS": urlsplit(wms).netloc,
    }


def start(setup: dict[str, Any]) -> None:
    """Set up Packr on the given database, whose tables exist."""
    import django

    os.environ |= environment(database=setup["database"], folder=setup["folder"], wms=setup["url"])
    django.setup()


def connection(setup: dict[str, Any]) -> Any:
    """Return the connection to the WMS, created if missing; nothing is synced or scheduled.

    The limit of eight reads a second, which Trackstar asks for, is lifted: otherwise only that would be measured.
    """
    from datetime import timedelta

    from django.utils.timezone import now

    from integrations.connectors.trackstar import Trackstar
    from integrations.models import Connection
    from integrations.services import Account, connect
    from packr.workspaces.services import save_workspace
    from syncs.models import EntitySchedule

    Trackstar.reads_per_second = None  # type: ignore[assignment]  # the local WMS has no limit
    made = Connection.objects.first()
    if made is None:
        credentials = {"api_key": "bench", "access_token": setup["token"]}
        account = Account("trackstar", "Bench", credentials, base_url=setup["url"])
        made = connect(save_workspace("bench", name="Bench"), account, first_sync=False)
        EntitySchedule.objects.exclude(next_due_at=None).update(next_due_at=now() + timedelta(seconds=FAR))
    return made


def rest() -> None:
    """Close Django's database sessions."""
    from django.db import connections

    connections.close_all()
