"""dlt with its PostgreSQL destination; the option is its merge strategy, `upsert` or `delete-insert`.

What it is spared: inferring nested tables that nobody asked for (they are JSON columns, but for an order's lines), a
cursor compared on every row (it keeps the WMS's Date as its state, as the other contestants do), telemetry, and json
(it reads with its own orjson).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import orjson

from .plain import NESTED, Wms


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
        self.wms = Wms(setup)
        self.strategy = next(one for one in setup["options"] if one in ("upsert", "delete-insert"))
        self.pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=str(Path(setup["folder"]) / "dlt"),
            destination=dlt.destinations.postgres(setup["database"]),
            dataset_name="bench",
        )

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Run `pipeline.run` of one resource."""
        info = self.pipeline.run(self._resource(kind, full))
        info.raise_on_failed_jobs()
        counts = self.pipeline.last_trace.last_normalize_info.row_counts
        return {"seen": counts.get(kind, 0)}

    def _resource(self, kind: str, full: bool) -> Any:
        @dlt.resource(
            name=kind,
            primary_key="id",
            write_disposition={"disposition": "merge", "strategy": self.strategy},
            columns={name: {"data_type": "json"} for name in NESTED[kind].split()},
        )
        def records() -> Iterator[list[dict[str, Any]]]:
            state = dlt.current.resource_state()
            yield from self.wms.pages(kind, None if full else state.get("since"), orjson.loads)
            state["since"] = self.wms.clock

        return records

    def rest(self) -> None:
        """Do nothing: dlt keeps no connection between runs."""
