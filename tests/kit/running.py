"""Helpers that run the engine in this process, without a worker."""

from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror import export
from syncs.engine import runner
from syncs.models import Lane, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs


def drain(most: int = 1000) -> int:
    """Run everything that is ready. Return the number of slices."""
    for slices in range(most):
        claimed = claim()
        if claimed is None:
            return slices
        runner.work(claimed)
    raise AssertionError(f"still work after {most} slices")


def sync(
    connection: Connection, entity: Entity = Entity.ORDERS, mode: Mode = Mode.INCREMENTAL, *, person: Any = None
) -> SyncRun:
    """Request and run one sync of an entity and return it. A waiting run stays waiting."""
    (requested,) = request_runs(connection, [entity], mode=mode, trigger=Trigger.MANUAL, person=person)
    drain()
    requested.run.refresh_from_db()
    return requested.run


def adds_up(run: SyncRun) -> bool:
    return run.seen == run.created + run.updated + run.unchanged + run.stale + run.rejected


def counts(run: SyncRun) -> dict[str, int]:
    """Return the counters that are not zero."""
    names = ("seen", "created", "updated", "unchanged", "stale", "rejected", "removed")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def lapse() -> None:
    """Let every lease lapse, as if its worker had died."""
    Lane.objects.exclude(leased_until=None).update(leased_until=now() - timedelta(seconds=1))


def mirrored(connection: Connection, entity: Entity = Entity.ORDERS) -> list[str]:
    """Return the exported lines."""
    return list(export.export_lines(connection, entity))


def present(connection: Connection, entity: Entity = Entity.ORDERS) -> list[str]:
    """Return the ids of the rows that are not removed."""
    from packr.warehouse.mirror.schema import TABLES

    rows = TABLES[entity].model._default_manager.filter(connection=connection, removed_at=None)
    return sorted(rows.values_list("external_id", flat=True))


def last_run(connection: Connection, entity: Entity = Entity.ORDERS) -> SyncRun:
    found = SyncRun.objects.filter(connection=connection, entity=entity).exclude(state=State.QUEUED)
    return found.order_by("-pk")[0]
