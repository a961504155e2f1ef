from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.management.base import connection_named, print_table
from syncs.status.entity_state import sync_state
from syncs.status.serializers import serialize_state

COLUMNS = ("entity", "state", "as_of", "cadence_seconds", "next_run", "last_run", "started", "completed")


class Command(BaseCommand):
    help = "Show the freshness and the latest run of each entity of a connection."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="id, or WORKSPACE/NAME")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, connection: str, **options: Any) -> None:
        rows = [serialize_state(state) for state in sync_state(connection_named(connection), bills=True)]
        if not options["json"]:
            for row in rows:
                run = row["run"] or {}
                row |= {"last_run": run.get("state"), "started": run.get("started"), "completed": run.get("completed")}
        print_table(self.stdout, rows, COLUMNS, as_json=options["json"])
