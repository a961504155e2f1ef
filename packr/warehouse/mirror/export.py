"""The export format of mirrored records, for the API and the `export` command."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from integrations.entities import Entity
from integrations.models import Connection

from ..models import Mirrored
from .schema import TABLES, Table

CHUNK = 1000
# Fields of a shipment that is a record of its own, which one inside an order lacks.
RECORD_FIELDS = ("external_id", "order_id", "created_at", "updated_at", "version_at", "extra")


def export_lines(connection: Connection, entity: Entity) -> Iterator[str]:
    """Yield each present record as a line of JSON with sorted keys, in the order of the ids' UTF-8 bytes."""
    table = TABLES[entity]
    rows = table.model.objects.present().filter(connection=connection).order_by("external_id")
    for row in rows.iterator(CHUNK):
        yield json.dumps(export_row(table, row), sort_keys=True, ensure_ascii=False)


def export_row(table: Table, row: Mirrored) -> dict[str, Any]:
    """Return a row in the export format. Fields that the WMS lacks are null, its further fields are in `extra`."""
    whole = {name: row.record.get(name) for name in table.record_type.__struct_fields__ if name != "version_at"}
    if whole.get("shipments"):
        whole["shipments"] = [_inside(shipment) for shipment in whole["shipments"]]
    return {
        **whole,
        "external_id": row.external_id,
        "updated_at": format_stamp(row.updated_at),
        "extra": row.record.get("extra") or {},
    }


def _inside(shipment: dict[str, Any]) -> dict[str, Any]:
    """Return a shipment as its order shows it."""
    return {name: value for name, value in shipment.items() if name not in RECORD_FIELDS}


def format_stamp(moment: datetime | None) -> str | None:
    """Return a time as exported: `2026-02-04T18:40:02Z`, with a fraction only if it is not zero."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
