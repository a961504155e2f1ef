"""The number of statements of a run and of a page, which does not grow with rows, entities or connections."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from django.db import connection as database
from django.utils.timezone import now

from benchmarks.statements import counted
from benchmarks.wms_process import WmsProcess
from integrations.entities import Entity
from integrations.models import Connection
from syncs.engine import runner
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from syncs.runs.planner import queue_due
from tests.kit.running import counts, sync

MAX_IDLE_RUN_STATEMENTS = 12
AN_HOUR_OR_TWO = 7200
Connect = Callable[..., Connection]
Serve = Callable[..., WmsProcess]

pytestmark = pytest.mark.django_db(transaction=True)


def due(connections: Iterable[Connection], entities: Iterable[Entity] = (Entity.INVENTORY,)) -> list[str]:
    """Queue a run for each of these. Return the planner's statements."""
    schedules = EntitySchedule.objects.filter(connection__in=list(connections), entity__in=list(entities))
    schedules.update(enabled=True, next_due_at=now() - timedelta(seconds=1), next_reread_at=None, next_wide_at=None)
    with counted() as statements:
        queue_due(now())
    return statements


def worked() -> list[list[str]]:
    """Run everything that is ready. Return the statements of each run, from its claim to its end."""
    runs = []
    while True:
        with counted() as statements:
            claimed = claim()
            if claimed is None:
                return runs
            runner.work(claimed)
        assert SyncRun.objects.get(pk=claimed.run.pk).state == State.SUCCEEDED
        runs.append(statements)


def whole(connection: Connection, entity: Entity) -> list[str]:
    """Return the statements of one full run."""
    request_runs(connection, [entity], mode=Mode.FULL, trigger=Trigger.MANUAL)
    (statements,) = worked()
    return statements


def first_synced(wms: WmsProcess, connections: Iterable[Connection], entities: Iterable[Entity]) -> None:
    """Run the first sync, and go on so far that an incremental run finds nothing."""
    for connection in connections:
        for entity in entities:
            assert sync(connection, entity, Mode.FULL).state == State.SUCCEEDED
    wms.control("clock", ahead=AN_HOUR_OR_TWO)


def test_idle_run_needs_few_statements(serve: Serve, connected: Connect) -> None:
    wms = serve(inventory=300)
    connection = connected(wms)
    first_synced(wms, [connection], [Entity.INVENTORY])
    seen = []
    for _ in range(3):
        due([connection])
        (statements,) = worked()
        seen.append(len(statements))
        assert counts(SyncRun.objects.latest("pk")) == {}
    assert len(set(seen)) == 1, seen
    assert seen[0] <= MAX_IDLE_RUN_STATEMENTS, "\n".join(statements)


def test_idle_run_costs_the_same_with_fifty_connections(serve: Serve, connected: Connect) -> None:
    wms = serve(inventory=100)
    connections = [connected(wms)]
    first_synced(wms, connections, [Entity.INVENTORY])
    asking_one = due(connections)
    (alone,) = worked()
    connections += [connected(wms, number) for number in range(2, 51)]
    first_synced(wms, connections[1:], [Entity.INVENTORY])
    asking_all = due(connections)
    together = worked()
    assert len(together) == 50
    assert {len(run) for run in together} == {len(alone)}
    assert len(asking_all) - len(asking_one) == _splits(50), "\n".join(asking_all)


def _splits(runs: int) -> int:
    """Return how often Django splits an insert of runs: on SQLite a statement has at most 999 parameters."""
    fields = [field for field in SyncRun._meta.concrete_fields if not field.primary_key]
    return ceil(runs / database.ops.bulk_batch_size(fields, range(runs))) - 1


def test_idle_run_costs_the_same_with_other_entities(serve: Serve, connected: Connect) -> None:
    entities = [Entity.INVENTORY, Entity.ORDERS, Entity.PRODUCTS, Entity.INBOUND_SHIPMENTS]
    wms = serve(inventory=100, orders=100, products=100, inbound_shipments=100)
    connection = connected(wms)
    first_synced(wms, [connection], entities)
    asking_one = due([connection])
    (alone,) = worked()
    asking_all = due([connection], entities)
    together = worked()
    assert len(together) == len(entities)
    assert {len(run) for run in together} == {len(alone)}
    assert len(asking_all) == len(asking_one), "\n".join(asking_all)


@pytest.mark.parametrize(("entity", "kind"), [(Entity.INVENTORY, "inventory"), (Entity.ORDERS, "orders")])
def test_statements_of_a_page_do_not_grow_with_its_rows(
    serve: Serve, connected: Connect, entity: Entity, kind: str
) -> None:
    """A first sync analyzes the tables after its thousandth row, which is not counted here."""
    costs: list[dict[str, int]] = []
    for rows in (100, 999):
        wms = serve(**{kind: rows})
        connection = connected(wms)
        cost = {"first": len(whole(connection, entity)), "unchanged": len(whole(connection, entity))}
        wms.control("clock", ahead=AN_HOUR_OR_TWO)
        wms.control("change", kind=kind, share=1)
        due([connection], [entity])
        (statements,) = worked()
        assert counts(SyncRun.objects.latest("pk")) == {"seen": rows, "updated": rows}
        costs.append(cost | {"changed": len(statements)})
    assert costs[0] == costs[1]


def test_later_page_costs_the_same_as_an_earlier_one(serve: Serve, connected: Connect) -> None:
    """Pages 4 and 7. At each power of two the pass is compared with all earlier pages, which costs extra."""
    first, unchanged = {}, {}
    for pages in (3, 4, 6, 7):
        connection = connected(serve(inventory=1000 * pages))
        first[pages] = len(whole(connection, Entity.INVENTORY))
        unchanged[pages] = len(whole(connection, Entity.INVENTORY))
    assert first[4] - first[3] == first[7] - first[6], first
    assert unchanged[4] - unchanged[3] == unchanged[7] - unchanged[6], unchanged


def test_unchanged_records_write_nothing_to_the_mirror(serve: Serve, connected: Connect) -> None:
    connection = connected(serve(inventory=1500, orders=1500))
    for entity in (Entity.INVENTORY, Entity.ORDERS):
        assert any(_writes_mirror(statement) for statement in whole(connection, entity))
        assert not any(_writes_mirror(statement) for statement in whole(connection, entity))


def _writes_mirror(statement: Any) -> bool:
    verb = statement.lstrip().split(None, 1)[0].upper()
    return verb in ("INSERT", "UPDATE", "DELETE", "COPY", "CREATE", "MERGE", "WITH") and "warehouse_" in statement
