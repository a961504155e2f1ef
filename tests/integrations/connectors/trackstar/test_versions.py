"""Trackstar's mappings have versions that change with their output."""

import re
from collections.abc import Iterator
from typing import Any

from integrations.connectors.trackstar import mapping
from tests.kit.mapping_versions import MappingVersions

from .test_samples import SAMPLES, sample

ITEMS = {
    "ORDERS": "order",
    "INVENTORY": "inventory",
    "PRODUCTS": "product",
    "INBOUND_SHIPMENTS": "inbound-shipment",
    "RETURNS": "return",
    "CUSTOMERS": "warehouse-customer",
    "WAREHOUSES": "warehouse",
    "LOCATIONS": "warehouse-location",
    "SHIPPING_METHODS": "shipping-method",
    "SUPPLIERS": "supplier",
    "CHANNELS": "order-channel",
    "BILLS": "bill",
}
TEXT_ONLY = ("channel_id", "supplier_id")


class TestTrackstarVersions(MappingVersions):
    module = mapping
    versions = SAMPLES.parent / "mapping_versions.json"
    samples = ITEMS

    def items(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the sample, the sample in other spellings, and an item that holds nothing or only nulls."""
        whole = sample(ITEMS[name])
        if name == "ORDERS":
            whole["shipments"] = [sample("order-shipment")]
        yield whole
        yield respell(whole)
        yield {"id": "x"}
        yield dict.fromkeys(whole) | {"id": "x"}


def respell(value: Any) -> Any:
    """Return the JSON value with numbers as text, ids as numbers, and times as seconds."""
    match value:
        case bool():
            return value
        case dict():
            found = {key: respell(one) for key, one in value.items()}
            ids = [key for key in found if key.endswith("id") and key not in TEXT_ONLY and isinstance(found[key], str)]
            return found | dict.fromkeys(ids, 7)
        case list():
            return [respell(one) for one in value]
        case int() | float():
            return f"{value}.00" if isinstance(value, int) else f"{value}0"
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
            return 1_770_230_402
    return value
