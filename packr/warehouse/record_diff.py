"""Comparison of a mirrored row with the WMS's present record, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .mirror.export import format_stamp
from .models import Mirrored

# Labels of fields whose name differs from the label on pages.
LABELS = {
    "onhand": "On hand",
    "fulfillable": "Available",
    "committed": "Allocated",
    "awaiting": "Inbound",
    "required_ship_date": "Ship by",
    "reference_id": "Reference",
    "raw_status": "Status in the WMS",
    "updated_at": "Updated in the WMS",
    "created_at": "Created in the WMS",
    "warehouse_customer_id": "Customer",
    "channel_object": "Channel",
    "supplier_object": "Supplier",
    "line_items": "Line",
    "inventory_by_warehouse_id": "Warehouse",
    "expected_arrival_date": "Expected",
    "gtin": "GTIN",
    "sku": "SKU",
}
HIDDEN_FIELDS = ("external_id", "version_at", "trackstar_tags")


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field of a record, with Packr's value and the WMS's."""

    label: str
    ours: Any
    theirs: Any

    @property
    def differs(self) -> bool:
        return bool(self.ours != self.theirs)


def diff(row: Mirrored, answer: Mapping[str, Any]) -> list[FieldDiff]:
    """Return the fields with a value on either side. Fields that the WMS did not send are left out."""
    ours = {**row.record, "updated_at": format_stamp(row.updated_at)}
    found: list[FieldDiff] = []
    for name, theirs in answer.items():
        if name not in HIDDEN_FIELDS:
            mine, wms = dict(_flat(name, ours.get(name))), dict(_flat(name, theirs))
            labels = [*mine, *(label for label in wms if label not in mine)]
            found += [FieldDiff(label, mine.get(label), wms.get(label)) for label in labels]
    return [field for field in found if field.ours is not None or field.theirs is not None]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the single values inside a value with their labels, such as `Line 2: quantity`."""
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        items: Iterator[tuple[str, Any]] = ((str(number), item) for number, item in enumerate(value, 1))
        label = label if name in LABELS else label.removesuffix("s")
    elif isinstance(value, dict):
        items = ((key, item) for key, item in value.items())
    else:
        yield label, ", ".join(map(str, value)) if isinstance(value, list) else value
        return
    for key, item in items:
        for inner, single in _flat(key, item):
            inside = inner if key in LABELS or key.isdecimal() else inner[:1].lower() + inner[1:]
            apart = " " if key.isdecimal() or name == "inventory_by_warehouse_id" else ": "
            yield f"{label}{apart}{inside}", single
