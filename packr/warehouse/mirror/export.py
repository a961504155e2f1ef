"""Mirrored records in the one form in which they leave Packr."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from integrations.entities import Entity
from integrations.models import Connection

from ..models import Mirrored
from .schema import TABLES, Table

CHUNK = 1000
# What a shipment has only where it stands by itself.
OWN = ("external_id", "order_id", "created_at", "updated_at", "version_at", "extra")


def lines(connection: Connection, entity: Entity) -> Iterator[str]:
    """Each present record as one line of JSON with sorted keys, ordered by the id's UTF-8 bytes."""
    table = TABLES[entity]
    rows = table.model.objects.present().filter(connection=connection).order_by("external_id")
    for row in rows.iterator(CHUNK):
        yield json.dumps(exported(table, row), sort_keys=True, ensure_ascii=False)


def exported(table: Table, row: Mirrored) -> dict[str, Any]:
    """One row as an exported record: what the WMS lacks is null, what it has beyond is in `extra`."""
    whole = {name: row.record.get(name) for name in table.record_type.__struct_fields__ if name != "version_at"}
    if whole.get("shipments"):
        whole["shipments"] = [_inside(shipment) for shipment in whole["shipments"]]
    return {
        **whole,
        "external_id": row.external_id,
        "updated_at": stamp(row.updated_at),
        "extra": row.record.get("extra") or {},
    }


def _inside(shipment: dict[str, Any]) -> dict[str, Any]:
    """A shipment as an order shows it; by itself it is a record of its own."""
    return {name: value for name, value in shipment.items() if name not in OWN}


def stamp(moment: datetime | None) -> str | None:
    """A moment as exported: `2026-02-04T18:40:02Z`, with a fraction only when it is not zero."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
