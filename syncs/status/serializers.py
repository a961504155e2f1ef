"""Sync state and runs as plain data, for commands and the API."""

from typing import Any

from packr.warehouse.mirror.export import format_stamp

from ..models import SyncRun
from .entity_state import EntityState

COUNTS = ("seen", "created", "updated", "unchanged", "stale", "rejected", "removed")


def serialize_state(state: EntityState) -> dict[str, Any]:
    """Return an entity's freshness and its latest run."""
    return {
        "entity": state.entity.value,
        "state": state.freshness.value,
        "as_of": format_stamp(state.as_of),
        "cadence_seconds": int(state.cadence.total_seconds()),
        "next_run": format_stamp(state.next_run),
        "run": serialize_run(state.run) if state.run else None,
    }


def serialize_run(run: SyncRun) -> dict[str, Any]:
    """Return a run as part of its entity's state."""
    return {
        "id": run.pk,
        "state": run.state,
        "mode": run.mode,
        "trigger": run.trigger,
        "started": format_stamp(run.started_at),
        "completed": format_stamp(run.completed_at),
        **{name: getattr(run, name) for name in COUNTS},
    }
