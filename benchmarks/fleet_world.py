"""Creates a fleet of connections as after some days of work: by bulk inserts, all of it read, nothing due yet.

Django must be set up, on PostgreSQL. Schedules have the product's defaults, so due times are spread over each
cadence. Lists that are always read whole are in the mirror already: the first connection reads them, the others get
copies.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from integrations.connectors.trackstar import Trackstar
from integrations.encryption import encrypt
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import OffReason
from integrations.signals import connection_made
from packr.warehouse.mirror.schema import TABLES
from packr.workspaces.models import Workspace
from packr.workspaces.services import save_workspace
from syncs.engine import runner
from syncs.models import EntitySchedule, Lane, Trigger
from syncs.runs.cadence import default_schedule
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs

from .wms_process import WmsProcess

BATCH = 1_000
# The fleet's WMS has the seven entities that every WMS has. The others are switched off.
SEVEN = (
    Entity.ORDERS,
    Entity.INVENTORY,
    Entity.INBOUND_SHIPMENTS,
    Entity.PRODUCTS,
    Entity.CUSTOMERS,
    Entity.WAREHOUSES,
    Entity.SHIPPING_METHODS,
)
OTHERS = [entity for entity in Trackstar.resources if entity not in SEVEN]
WHOLE = tuple(entity for entity in SEVEN if not Trackstar.resources[entity].incremental)
NOT_THERE = OffReason("The fleet's WMS has none.", offered=False)
SLUG = PERSON = "fleet"


def settle(wms: WmsProcess, count: int) -> None:
    """Create a fleet with this number of connections, all read, whose schedules continue from now."""
    began = now()
    workspace = save_workspace(SLUG, timezone=_where_it_is_noon(began), admins=[PERSON])
    for first in range(1, count + 1, BATCH):
        add(workspace, wms.url, range(first, min(first + BATCH, count + 1)), began)
    _read_whole(Connection.objects.earliest("pk"))
    _analyse()
    passed = now() - began
    EntitySchedule.objects.update(
        next_due_at=F("next_due_at") + passed, watermark=F("watermark") + passed, as_of=F("as_of") + passed
    )


def add(workspace: Workspace, url: str, numbers: range, moment: datetime) -> None:
    """Add connections to these accounts of the WMS, all read up to the moment."""
    connections = _connect(workspace, url, numbers, moment)
    EntitySchedule.objects.bulk_create([one for connection in connections for one in _schedules(connection, moment)])


def join(wms: WmsProcess, count: int) -> list[int]:
    """Add new connections that start with a first sync of everything. Return their keys."""
    numbers = range(Connection.objects.count() + 1, Connection.objects.count() + count + 1)
    workspace = Workspace.objects.get(slug=SLUG)
    return [_join(workspace, wms.url, number) for number in numbers]


def _join(workspace: Workspace, url: str, number: int) -> int:
    """Create a connection together with its schedules, which the watchdog would create otherwise."""
    with transaction.atomic():
        (connection,) = _connect(workspace, url, range(number, number + 1), now())
        connection_made.send(Connection, connection=connection, first_sync=True, off=dict.fromkeys(OTHERS, NOT_THERE))
    return connection.pk


def person() -> Any:
    """Return the user who presses Run."""
    return get_user_model().objects.get(username=PERSON)


def _where_it_is_noon(moment: datetime) -> str:
    """Return a time zone in which no nightly full refresh falls due meanwhile."""
    return f"Etc/GMT{moment.hour - 12:+d}"


def _connect(workspace: Workspace, url: str, numbers: range, moment: datetime) -> list[Connection]:
    made = [_connection(workspace, url, number, moment) for number in numbers]
    Lane.objects.bulk_create([Lane(account_key=one.account_key) for one in made])
    return Connection.objects.bulk_create(made)


def _connection(workspace: Workspace, url: str, number: int, moment: datetime) -> Connection:
    credentials = WmsProcess.credentials(number)
    return Connection(
        workspace=workspace,
        wms=Trackstar.slug,
        name=f"Account {number}",
        base_url=url,
        sealed_credentials=encrypt(credentials),
        account_key=Trackstar.account_key(url, credentials),
        border=moment - timedelta(days=30),
        connected_at=moment,
    )


def _schedules(connection: Connection, moment: datetime) -> Iterator[EntitySchedule]:
    for entity in Trackstar.entities():
        schedule = default_schedule(connection, entity, moment)
        if entity in OTHERS:  # with a reason, or the watchdog would open an incident for each
            schedule.enabled, schedule.off_reason, schedule.offered = False, NOT_THERE.reason, NOT_THERE.offered
        if entity in Trackstar.read_with or not schedule.enabled:
            schedule.next_due_at = schedule.next_reread_at = schedule.next_wide_at = None
        schedule.watermark = schedule.as_of = moment
        yield schedule


def _read_whole(first: Connection) -> None:
    """Copy the first connection's whole lists to all others."""
    request_runs(first, WHOLE, trigger=Trigger.FIRST)
    while claimed := claim(connection=first):
        runner.work(claimed)
    for entity in WHOLE:
        model = TABLES[entity].model
        names = [field.column for field in model._meta.concrete_fields if field.column not in ("id", "connection_id")]
        columns = ", ".join(f'"{name}"' for name in names)
        with database.cursor() as cursor:
            cursor.execute(
                f'INSERT INTO "{model._meta.db_table}" (connection_id, {columns})'
                f" SELECT other.id, {', '.join(f'mine.{name}' for name in names)}"
                f' FROM "{model._meta.db_table}" mine, integrations_connection other'
                " WHERE mine.connection_id = %s AND other.id <> %s",
                [first.pk, first.pk],
            )


def _analyse() -> None:
    """Analyse the tables, as autovacuum would have done."""
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
