"""Packr itself: its connector, engine and tables, in this process as in a worker's."""

import time
from typing import Any

from benchmarks import django_process


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        django_process.start(setup)
        from syncs.process.tuning import tune_worker

        tune_worker()
        self.connection = django_process.connection(setup)

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Do one run, slice after slice, as a worker does, up to the query that finds no further run."""
        from benchmarks.statements import counted
        from integrations.entities import Entity
        from syncs.engine import runner
        from syncs.models import Mode, Trigger
        from syncs.runs.claims import claim
        from syncs.runs.enqueue import request_runs

        mode = Mode.FULL if full else Mode.INCREMENTAL
        with counted() as asking:
            (requested,) = request_runs(self.connection, [Entity(kind)], mode=mode, trigger=Trigger.MANUAL)
        cpu, run = time.process_time(), requested.run
        with counted() as statements:
            while claimed := claim():
                runner.work(claimed)
                run = claimed.run  # as stored: reading it again would count as Packr's work
        own_cpu = time.process_time() - cpu
        if run.state != "succeeded":
            raise RuntimeError(f"the run ended {run.state}: {run.message} {run.detail}")
        figures = {name: getattr(run, name) for name in ("seen", "created", "updated", "unchanged", "pages")}
        return {**figures, "own_cpu": own_cpu, "statements": len(statements), "asking": len(asking)}

    def rest(self) -> None:
        django_process.rest()
