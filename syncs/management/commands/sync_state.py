from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.commands import connection_named, print_table
from packr.warehouse.export import stamp
from syncs.models import SyncRun
from syncs.state import EntityState, sync_state

COLUMNS = ("entity", "state", "as_of", "cadence_seconds", "next_run", "last_run", "started", "completed")
COUNTS = ("seen", "created", "updated", "unchanged", "stale", "rejected", "removed")


class Command(BaseCommand):
    help = "How fresh each entity of a connection is, and what its latest run did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="its id, or WORKSPACE/NAME")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, connection: str, **options: Any) -> None:
        rows = [as_row(state) for state in sync_state(connection_named(connection))]
        if not options["json"]:
            for row in rows:
                run = row["run"] or {}
                row |= {"last_run": run.get("state"), "started": run.get("started"), "completed": run.get("completed")}
        print_table(self.stdout, rows, COLUMNS, as_json=options["json"])


def as_row(state: EntityState) -> dict[str, Any]:
    return {
        "entity": state.entity.value,
        "state": state.freshness.value,
        "as_of": stamp(state.as_of),
        "cadence_seconds": int(state.cadence.total_seconds()),
        "next_run": stamp(state.next_run),
        "run": _run(state.run) if state.run else None,
    }


def _run(run: SyncRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "mode": run.mode,
        "trigger": run.trigger,
        "started": stamp(run.started_at),
        "completed": stamp(run.completed_at),
        **{name: getattr(run, name) for name in COUNTS},
    }
