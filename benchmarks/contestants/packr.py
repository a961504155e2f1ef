"""Packr itself: its connector, its engine, its tables, in this process as in a worker's."""

from typing import Any

from benchmarks import django_process


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        django_process.start(setup)
        self.connection = django_process.connection(setup)

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """One run, slice after slice, as a worker does it."""
        from integrations.entities import Entity
        from syncs import engine
        from syncs.models import Mode, Trigger
        from syncs.services import claim, request_runs

        mode = Mode.FULL if full else Mode.INCREMENTAL
        (requested,) = request_runs(self.connection, [Entity(kind)], mode=mode, trigger=Trigger.MANUAL)
        while claimed := claim(connection=self.connection):
            engine.work(claimed)
        run = requested.run
        run.refresh_from_db()
        if run.state != "succeeded":
            raise RuntimeError(f"the run ended {run.state}: {run.message} {run.detail}")
        return {name: getattr(run, name) for name in ("seen", "created", "updated", "unchanged", "pages")}

    def rest(self) -> None:
        from django.db import connections

        connections.close_all()
