"""What teams write themselves with Django's ORM, into Packr's own models. The option selects the method.

`update_or_create`: one call per record, its lines deleted and created again. `bulk_create`: a page at a time with
`update_conflicts`, ids read back, lines deleted and created in bulk.
"""

import json
from hashlib import blake2b
from typing import Any

from benchmarks import django_process

from .reading import Reader

Record = dict[str, Any]


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        django_process.start(setup)
        self.connection = django_process.connection(setup)
        self.reader = Reader(setup)
        self.save = _one_by_one if "update_or_create" in setup["options"] else _in_bulk

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Read the list once, with one transaction per page."""
        from django.db import transaction

        seen = 0
        for records in self.reader.pages(kind, full, _page):
            with transaction.atomic():
                self.save(self.connection, kind, records)
            seen += len(records)
        return {"seen": seen}

    def rest(self) -> None:
        django_process.rest()


def _page(body: bytes) -> tuple[list[Record], str | None]:
    page = json.loads(body)
    return page["data"], page["next_token"]


def _fields(kind: str, record: Record) -> Record:
    from django.utils.dateparse import parse_datetime
    from django.utils.timezone import now

    named = "warehouse_customer_id sku name active onhand fulfillable committed awaiting"
    if kind == "orders":
        named = "order_number reference_id status warehouse_customer_id warehouse_id total_price invoice_currency_code"
    fields = {name: record.get(name) for name in named.split()}
    if kind == "orders":
        fields["ship_to_name"] = (record["ship_to_address"] or {}).get("full_name")
        fields["channel_name"] = (record["channel_object"] or {}).get("channel_name")
        fields["required_ship_date"] = record["required_ship_date"]
    return fields | {
        "created_at": parse_datetime(record["created_date"]),
        "updated_at": parse_datetime(record["updated_date"]),
        "version_at": parse_datetime(record["trackstar_updated_date"]),
        "digest": blake2b(json.dumps(record).encode(), digest_size=16).digest(),
        "record": record,
        "change_no": 1,
        "changed_at": now(),
        "removed_at": None,
    }


def _lines(kind: str, connection: Any, key: int, record: Record) -> list[Any]:
    from packr.warehouse.models import InventoryLevel, OrderLine

    if kind == "orders":
        names = ("sku", "product_id", "quantity", "unit_price")
        return [
            OrderLine(connection=connection, order_id=key, position=position, **{name: line[name] for name in names})
            for position, line in enumerate(record["line_items"], 1)
        ]
    counted = ("onhand", "fulfillable", "committed", "awaiting", "unfulfillable")
    places = record["inventory_by_warehouse_id"]
    return [
        InventoryLevel(
            connection=connection, item_id=key, warehouse_id=place, **{name: units[name] for name in counted}
        )
        for place, units in places.items()
    ]


def _models(kind: str) -> tuple[Any, Any, str]:
    from packr.warehouse.models import InventoryItem, InventoryLevel, Order, OrderLine

    return (Order, OrderLine, "order") if kind == "orders" else (InventoryItem, InventoryLevel, "item")


def _one_by_one(connection: Any, kind: str, records: list[Record]) -> None:
    model, line_model, parent = _models(kind)
    for record in records:
        row, created = model.objects.update_or_create(
            connection=connection, external_id=record["id"], defaults=_fields(kind, record)
        )
        if not created:
            line_model.objects.filter(**{parent: row}).delete()
        for line in _lines(kind, connection, row.pk, record):
            line.save(force_insert=True)


def _in_bulk(connection: Any, kind: str, records: list[Record]) -> None:
    if not records:
        return
    model, line_model, parent = _models(kind)
    fields = [_fields(kind, record) for record in records]
    rows = [
        model(connection=connection, external_id=record["id"], **values)
        for record, values in zip(records, fields, strict=True)
    ]
    made = model.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "external_id"], update_fields=list(fields[0])
    )
    keys = [row.pk for row in made]
    line_model.objects.filter(**{f"{parent}__in": keys}).delete()
    line_model.objects.bulk_create(
        line for key, record in zip(keys, records, strict=True) for line in _lines(kind, connection, key, record)
    )
